"""Measures of a colorization against the true photo. `METRICS` is the table; all take RGB in [0, 1], `(b, 3, h, w)`."""

from colorbench.metrics.ab_auc import ab_auc, ab_auc_rebalanced
from colorbench.metrics.agreement import top1_agreement
from colorbench.metrics.bleeding import color_bleeding
from colorbench.metrics.cdc import cdc
from colorbench.metrics.colorfulness import (
    colorfulness,
    colorfulness_abs,
    colorfulness_bias,
    colorfulness_error,
    delta_cf,
)
from colorbench.metrics.delta_e import delta_e_76, delta_e_76_lab, delta_e_2000, delta_e_2000_lab
from colorbench.metrics.fid import fid
from colorbench.metrics.fid_hue_invariant import fid_hue_invariant
from colorbench.metrics.gamut import lightness_error, out_of_gamut, out_of_gamut_lab
from colorbench.metrics.hue import hue_bias, hue_error_histogram
from colorbench.metrics.kid import kid
from colorbench.metrics.lpips import lpips
from colorbench.metrics.pair import Pair, Reference
from colorbench.metrics.protocol_score import score_protocols
from colorbench.metrics.protocols import PROTOCOLS
from colorbench.metrics.psnr import psnr, psnr_ab
from colorbench.metrics.references import References
from colorbench.metrics.row import MetricRow
from colorbench.metrics.samples import score_samples
from colorbench.metrics.score import mean_scores, score, score_folders, set_score
from colorbench.metrics.ssim import ms_ssim, ssim
from colorbench.metrics.table import METRICS
from colorbench.metrics.torchmetric import as_torchmetric
from colorbench.tensors import PictureTooSmall

__all__ = [
    "METRICS",
    "PROTOCOLS",
    "MetricRow",
    "Pair",
    "PictureTooSmall",
    "Reference",
    "References",
    "ab_auc",
    "ab_auc_rebalanced",
    "as_torchmetric",
    "cdc",
    "color_bleeding",
    "colorfulness",
    "colorfulness_abs",
    "colorfulness_bias",
    "colorfulness_error",
    "delta_cf",
    "delta_e_76",
    "delta_e_76_lab",
    "delta_e_2000",
    "delta_e_2000_lab",
    "fid",
    "fid_hue_invariant",
    "hue_bias",
    "hue_error_histogram",
    "kid",
    "lightness_error",
    "lpips",
    "mean_scores",
    "ms_ssim",
    "out_of_gamut",
    "out_of_gamut_lab",
    "psnr",
    "psnr_ab",
    "score",
    "score_folders",
    "score_protocols",
    "score_samples",
    "set_score",
    "ssim",
    "top1_agreement",
]
