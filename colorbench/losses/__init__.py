"""Losses of colorization: one table, one expression language.

Each is a pure function (or a small module, where it has weights) on plain tensors; `build_loss` makes a weighted sum of
them by name; `LOSSES` is the table that the command line, the tests and the docs read.
"""

from collections.abc import Mapping

from torch import Tensor

from colorbench.losses.adversarial import discriminator_loss, generator_loss
from colorbench.losses.class_kl import ClassKlTerm, class_kl
from colorbench.losses.classification import ClassificationTerm, classification, focal
from colorbench.losses.classification_529 import Classification529Term, classification_529
from colorbench.losses.colorfulness import check_convention, colorfulness_loss
from colorbench.losses.cycle import CycleTerm
from colorbench.losses.distributions import histogram, sliced_wasserstein
from colorbench.losses.feature_matching import FeatureMatchingTerm, feature_matching
from colorbench.losses.metric_losses import check_net, delta_e_2000_loss, lpips_loss, ms_ssim_loss, ssim_loss
from colorbench.losses.objective import Losses, Objective, build_objective
from colorbench.losses.patchgan import PatchGan, PatchGanTerm
from colorbench.losses.perceptual import perceptual, recipe_of
from colorbench.losses.pixel import charbonnier, huber, l1, l1_siggraph17, mse, smooth_l1, total_variation
from colorbench.losses.row import LossRow

_AB_OR_RGB = ("ab", "rgb")

LOSSES: dict[str, LossRow] = {
    row.key: row
    for row in (
        LossRow("l1", l1, "ab", "ab / 110", "-", views=_AB_OR_RGB),
        LossRow("mse", mse, "ab", "(ab / 110)^2", "-", views=_AB_OR_RGB),
        LossRow(
            "smooth-l1",
            smooth_l1,
            "ab",
            "ab / 110",
            "Girshick 2015",
            views=_AB_OR_RGB,
            citation="Girshick. Fast R-CNN. ICCV 2015. arXiv 1504.08083",
        ),
        LossRow(
            "huber",
            huber,
            "ab",
            "(ab / 110)^2",
            "Huber 1964",
            views=_AB_OR_RGB,
            citation="Huber. Robust Estimation of a Location Parameter. Annals of Mathematical Statistics 1964",
        ),
        LossRow(
            "charbonnier",
            charbonnier,
            "ab",
            "ab / 110",
            "Lai 2017",
            views=_AB_OR_RGB,
            citation=(
                "Lai, Huang, Ahuja, Yang. Deep Laplacian Pyramid Networks for Super-Resolution. CVPR "
                "2017. arXiv 1704.03915"
            ),
        ),
        LossRow(
            "l1-siggraph17",
            l1_siggraph17,
            "ab",
            "(ab / 110)^2",
            "Zhang 2017",
            views=_AB_OR_RGB,
            citation=(
                "Zhang et al. Real-Time User-Guided Image Colorization with Learned Deep Priors. "
                "SIGGRAPH 2017. arXiv 1705.02999"
            ),
        ),
        LossRow(
            "patchgan",
            generator_loss,
            "ab",
            "nats",
            "Isola 2017",
            needs="critic",
            term=PatchGanTerm,
            citation=(
                "Isola, Zhu, Zhou, Efros. Image-to-Image Translation with Conditional Adversarial "
                "Networks. CVPR 2017. arXiv 1611.07004"
            ),
        ),
        LossRow(
            "perceptual",
            perceptual,
            "rgb",
            "-",
            "Johnson 2016, DDColor 2023, DeOldify",
            needs="weights",
            check=recipe_of,
            citation=(
                "Johnson, Alahi, Fei-Fei. Perceptual Losses for Real-Time Style Transfer and "
                "Super-Resolution. ECCV 2016. arXiv 1603.08155"
            ),
        ),
        LossRow(
            "lpips",
            lpips_loss,
            "rgb",
            "-",
            "Zhang 2018",
            needs="weights",
            check=check_net,
            citation=(
                "Zhang, Isola, Efros, Shechtman, Wang. The Unreasonable Effectiveness of Deep "
                "Features as a Perceptual Metric. CVPR 2018. arXiv 1801.03924"
            ),
        ),
        LossRow(
            "ssim",
            ssim_loss,
            "rgb",
            "-",
            "Wang 2004",
            citation=(
                "Wang, Bovik, Sheikh, Simoncelli. Image Quality Assessment: From Error Visibility to "
                "Structural Similarity. IEEE Transactions on Image Processing 2004"
            ),
        ),
        LossRow(
            "ms-ssim",
            ms_ssim_loss,
            "rgb",
            "-",
            "Wang 2003",
            citation=(
                "Wang, Simoncelli, Bovik. Multiscale Structural Similarity for Image Quality Assessment. Asilomar 2003"
            ),
        ),
        LossRow(
            "feature-matching",
            feature_matching,
            "ab",
            "-",
            "Wang 2018 (pix2pixHD)",
            needs="critic",
            term=FeatureMatchingTerm,
            citation=(
                "Wang, Liu, Zhu, Tao, Kautz, Catanzaro. High-Resolution Image Synthesis and Semantic "
                "Manipulation with Conditional GANs. CVPR 2018. arXiv 1711.11585"
            ),
        ),
        LossRow(
            "cycle",
            l1,
            "rgb",
            "-",
            "Zhu 2017",
            per_image=False,
            needs="unpaired",
            term=CycleTerm,
            citation=(
                "Zhu, Park, Isola, Efros. Unpaired Image-to-Image Translation using Cycle-Consistent "
                "Adversarial Networks. ICCV 2017. arXiv 1703.10593"
            ),
        ),
        LossRow(
            "classification",
            classification,
            "logits",
            "nats",
            "Zhang 2016",
            per_image=False,
            needs_head="bins",
            needs="prior",
            term=ClassificationTerm,
            citation="Zhang, Isola, Efros. Colorful Image Colorization. ECCV 2016. arXiv 1603.08511",
        ),
        LossRow(
            "classification-529",
            classification_529,
            "ab",
            "nats + ab / 110",
            "Zhang 2017",
            term=Classification529Term,
            citation=(
                "Zhang et al. Real-Time User-Guided Image Colorization with Learned Deep Priors. "
                "SIGGRAPH 2017. arXiv 1705.02999"
            ),
        ),
        LossRow(
            "class-kl",
            class_kl,
            "rgb",
            "nats",
            "Vitoria 2020 (ChromaGAN)",
            needs="weights",
            term=ClassKlTerm,
            citation=(
                "Vitoria, Raad, Ballester. ChromaGAN: Adversarial Picture Colorization with Semantic "
                "Class Distribution. WACV 2020. arXiv 1907.09837"
            ),
        ),
        LossRow(
            "colorfulness",
            colorfulness_loss,
            "rgb",
            "CF / 255",
            "DDColor 2023",
            check=check_convention,
            formerly={"convention": "signed"},
            citation="Kang et al. DDColor. ICCV 2023. arXiv 2212.11613",
        ),
        LossRow(
            "delta-e-2000",
            delta_e_2000_loss,
            "lab",
            "delta E 2000",
            "Sharma 2005",
            citation=("Sharma, Wu, Dalal. The CIEDE2000 Color-Difference Formula. Color Research and Application 2005"),
        ),
        LossRow("histogram", histogram, "ab", "ab / 110", "-"),
        LossRow(
            "sliced-wasserstein",
            sliced_wasserstein,
            "ab",
            "ab / 110",
            "Bonneel 2015",
            citation=(
                "Bonneel, Rabin, Peyre, Pfister. Sliced and Radon Wasserstein Barycenters of "
                "Measures. Journal of Mathematical Imaging and Vision 2015"
            ),
        ),
        LossRow(
            "tv",
            total_variation,
            "ab",
            "ab / 110",
            "Rudin 1992",
            citation=("Rudin, Osher, Fatemi. Nonlinear Total Variation Based Noise Removal Algorithms. Physica D 1992"),
        ),
        LossRow(
            "focal",
            focal,
            "logits",
            "nats",
            "Lin 2017",
            needs_head="bins",
            citation=(
                "Lin, Goyal, Girshick, He, Dollar. Focal Loss for Dense Object Detection. ICCV 2017. arXiv 1708.02002"
            ),
        ),
    )
}


def build_loss(
    expression: str,
    *,
    prior: Tensor | None = None,
    table: Mapping[str, LossRow] | None = None,
    recorded: bool = False,
) -> Objective:
    """The objective of an expression such as `100*l1 + patchgan(mode='hinge')`.

    Args:
        expression: weighted losses; see colorbench.losses.expression for the language and its canonical form.
        prior: the train split's `(313,)` prior if it is known already; else `objective.set_prior`.
        table: other losses than `LOSSES`, as plug-ins bring them.
        recorded: the expression is that of a cell, and means what it meant when the cell was planned (`LossRow.formerly`).

    >>> build_loss("patchgan(mode='hinge') + 1e2*l1").expression
    "100*l1 + patchgan(mode='hinge')"
    >>> build_loss("colorfulness").expression
    "colorfulness(convention='ddcolor')"
    """
    objective = build_objective(expression, LOSSES if table is None else table, recorded)
    if prior is not None:
        objective.set_prior(prior)
    return objective


__all__ = [
    "LOSSES",
    "LossRow",
    "Losses",
    "Objective",
    "PatchGan",
    "build_loss",
    "charbonnier",
    "class_kl",
    "classification",
    "classification_529",
    "colorfulness_loss",
    "delta_e_2000_loss",
    "discriminator_loss",
    "feature_matching",
    "focal",
    "generator_loss",
    "histogram",
    "huber",
    "l1",
    "l1_siggraph17",
    "lpips_loss",
    "ms_ssim_loss",
    "mse",
    "perceptual",
    "sliced_wasserstein",
    "smooth_l1",
    "ssim_loss",
    "total_variation",
]
