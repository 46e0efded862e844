"""METRICS: every metric, once. A new one is one file, one row here, one number in its test."""

from functools import partial

from torch import Tensor

from colorbench.features.inception import INCEPTION_WIDTH
from colorbench.metrics.ab_auc import ab_auc, ab_auc_lab, ab_auc_rebalanced, ab_auc_weighted_lab
from colorbench.metrics.agreement import top1_agreement
from colorbench.metrics.bleeding import color_bleeding, edge_excess
from colorbench.metrics.cdc import LEVELS, cdc, cdc_of, level_histograms
from colorbench.metrics.colorfulness import (
    colorfulness,
    colorfulness_abs,
    colorfulness_bias,
    colorfulness_error,
    delta_cf,
    delta_cf_of,
)
from colorbench.metrics.delta_e import delta_e_76, delta_e_76_lab, delta_e_2000
from colorbench.metrics.fid import fid, fid_of
from colorbench.metrics.fid_hue_invariant import fid_hue_invariant, matched_features
from colorbench.metrics.gamut import lightness_error, lightness_error_lab, out_of_gamut
from colorbench.metrics.hue import hue_bias, hue_bias_lab
from colorbench.metrics.kid import kid, kid_of
from colorbench.metrics.lpips import BACKBONES, lpips
from colorbench.metrics.pair import Pair
from colorbench.metrics.psnr import psnr, psnr_ab, psnr_ab_lab
from colorbench.metrics.row import MetricRow, SetFeatures
from colorbench.metrics.ssim import MS_SSIM_LEAST_PX, ms_ssim, ms_ssim_of, ssim, ssim_of
from colorbench.tensors import check_size


def _ms_ssim(pair: Pair) -> Tensor:
    check_size(pair.pred, MS_SSIM_LEAST_PX, "ms-ssim")
    return ms_ssim_of(pair.pred, pair.target, pair.structure)


def _lpips_row(net: str) -> MetricRow:
    return MetricRow(
        f"lpips-{net}",
        partial(lpips, net=net),
        "",
        False,
        f"Zhang 2018, v0.1, {BACKBONES[net]}",
        needs=BACKBONES[net],
        on_pair=lambda pair: pair.lpips(net),
    )


_COLORFULNESS_ABS = SetFeatures(
    lambda pair: (colorfulness_abs(pair.pred)[:, None], pair.reference.colorfulness_abs[:, None]), width=1
)
_MATCHED = SetFeatures(
    lambda pair: (matched_features(pair.pred_lab, pair.reference.colorfulness), pair.reference.inception),
    INCEPTION_WIDTH,
)

_HISTOGRAMS = SetFeatures(lambda pair: (level_histograms(pair.pred), level_histograms(pair.target)), 3 * LEVELS)

_ROWS = (
    MetricRow("psnr", psnr, "dB", True, "RGB, peak 1, per image"),
    MetricRow(
        "psnr-ab",
        psnr_ab,
        "dB",
        True,
        "a* and b*, range 255, per image",
        on_pair=lambda pair: psnr_ab_lab(pair.pred_lab, pair.target_lab),
    ),
    MetricRow("ssim", ssim, "", True, "Wang 2004", on_pair=lambda pair: ssim_of(pair.structure)),
    MetricRow("ms-ssim", ms_ssim, "", True, "Wang 2003", version="2", on_pair=_ms_ssim),
    _lpips_row("alex"),
    _lpips_row("vgg"),
    _lpips_row("squeeze"),
    MetricRow(
        "colorfulness",
        colorfulness,
        "8-bit levels",
        None,
        "Hasler & Suesstrunk 2003, M3",
        inputs="single",
        on_pair=lambda pair: pair.pred_colorfulness,
    ),
    MetricRow(
        "colorfulness-abs", colorfulness_abs, "8-bit levels", None, "as CT2 and DDColor report it", inputs="single"
    ),
    MetricRow(
        "colorfulness-error",
        colorfulness_error,
        "8-bit levels",
        False,
        "abs(M3 - M3 of the photo)",
        on_pair=lambda pair: pair.colorfulness_bias.abs(),
    ),
    MetricRow(
        "colorfulness-bias",
        colorfulness_bias,
        "8-bit levels",
        None,
        "M3 - M3 of the photo; mean: dataset level",
        on_pair=lambda pair: pair.colorfulness_bias,
    ),
    MetricRow(
        "delta-e-76",
        delta_e_76,
        "JND",
        False,
        "CIE 1976",
        on_pair=lambda pair: delta_e_76_lab(pair.pred_lab, pair.target_lab).mean(dim=(1, 2)),
    ),
    MetricRow(
        "delta-e-2000",
        delta_e_2000,
        "JND",
        False,
        "Sharma 2005",
        on_pair=lambda pair: pair.delta_e_2000.mean(dim=(1, 2)),
    ),
    MetricRow(
        "ab-auc",
        ab_auc,
        "",
        True,
        "Zhang 2016, raw accuracy",
        on_pair=lambda pair: ab_auc_lab(pair.pred_lab, pair.target_lab),
        differentiable=False,
    ),
    MetricRow(
        "ab-auc-rebalanced",
        ab_auc_rebalanced,
        "",
        True,
        "Zhang 2016, pixels weighted by 1 / p(bin)",
        on_pair=lambda pair: ab_auc_weighted_lab(pair.pred_lab, pair.target_lab, pair.pixel_weights),
        differentiable=False,
    ),
    MetricRow(
        "lightness-error",
        lightness_error,
        "L*",
        False,
        "mean abs(L* - L* of the photo)",
        on_pair=lambda pair: lightness_error_lab(pair.pred_lab, pair.target_lab),
    ),
    MetricRow(
        "out-of-gamut",
        out_of_gamut,
        "share of pixels",
        False,
        "colored pixels on the limit of sRGB",
        inputs="single",
        differentiable=False,
    ),
    MetricRow(
        "color-bleeding",
        color_bleeding,
        "JND",
        None,
        "Kim 2021 (the effect); CIEDE2000 near the photo's edges - elsewhere",
        default=False,
        on_pair=lambda pair: edge_excess(pair.delta_e_2000, pair.reference.near_edges),
    ),
    MetricRow(
        "hue-bias",
        hue_bias,
        "degrees",
        None,
        "CIE 1976 hue: mean signed turn from the photo's to the predicted",
        default=False,
        on_pair=lambda pair: hue_bias_lab(pair.pred_lab, pair.target_lab),
    ),
    MetricRow(
        "top1-agreement",
        top1_agreement,
        "share of photos",
        True,
        "Zhang 2016, VGG16",
        needs="vgg16-classifier",
        default=False,
        on_pair=lambda pair: pair.same_label,
        differentiable=False,
    ),
    MetricRow(
        "fid",
        fid,
        "",
        False,
        "Heusel 2017",
        inputs="set",
        needs="inception",
        on_features=fid_of,
        differentiable=False,
    ),
    MetricRow(
        "kid",
        kid,
        "",
        False,
        "Binkowski 2018",
        version="2",
        inputs="set",
        needs="inception",
        on_features=kid_of,
        differentiable=False,
    ),
    MetricRow(
        "fid-hue-invariant",
        fid_hue_invariant,
        "",
        False,
        "Heusel 2017, after each prediction's chroma is scaled to its photo's M3",
        inputs="set",
        needs="inception",
        on_features=fid_of,
        features=_MATCHED,
        differentiable=False,
    ),
    MetricRow(
        "delta-cf",
        delta_cf,
        "8-bit levels",
        False,
        "difference of the means of colorfulness-abs, as CT2 and DDColor report it",
        inputs="set",
        on_features=delta_cf_of,
        features=_COLORFULNESS_ABS,
        differentiable=False,
    ),
    MetricRow(
        "cdc",
        cdc,
        "nats",
        False,
        "Liu 2021 (TCVC): flicker of a video's frames, in the order of their names",
        inputs="set",
        on_features=cdc_of,
        features=_HISTOGRAMS,
        differentiable=False,
        ordered=True,
    ),
)

METRICS: dict[str, MetricRow] = {row.key: row for row in _ROWS}
