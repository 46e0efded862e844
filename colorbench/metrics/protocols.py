"""PROTOCOLS: the evaluation scripts of papers, one row per script that was read.

Papers print different numbers for the same pictures, because their scripts crop or resize, scale and average differently.
`score_protocols` applies them to one folder. What a script does not compute, and what could not be read, is left out. Facts
alone are taken from the scripts: code and sentences are this package's own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from colorbench.errors import unknown_name
from colorbench.metrics import protocol_rules as rule
from colorbench.metrics.protocol_rules import Measure, Size

ALL = "all"

MEASURES: dict[str, tuple[str, bool | None]] = {
    "psnr": ("dB", True),
    "ssim": ("", True),
    "lpips-alex": ("", False),
    "lpips-vgg": ("", False),
    "colorfulness": ("8-bit levels", None),
    "delta-cf": ("8-bit levels", False),
    "fid": ("", False),
    "psnr-lightness": ("dB", True),
    "ssim-lightness": ("", True),
}
"""Unit and whether higher is better, in the order of the table."""


@dataclass(frozen=True)
class Protocol:
    """The rules of one evaluation script.

    Args:
        key: kebab-case name.
        source: the paper.
        code: repository, commit and files that were read; "" for a convention.
        size: how both folders are brought to size. Pictures that have it already pass unchanged.
        measures: by the names of MEASURES.
        evidence: what the rules rest on.
        traps: what one would not expect, and what the script computes beyond.
    """

    key: str
    source: str
    code: str
    size: Size
    measures: Mapping[str, Measure]
    evidence: str
    traps: str = ""


_ROWS = (
    Protocol(
        "colorbench",
        "this package",
        "",
        rule.AS_THEY_ARE,
        {
            "psnr": rule.PSNR_OF_DIFFERENT,
            "ssim": rule.SSIM,
            "lpips-alex": rule.LPIPS_ALEX,
            "lpips-vgg": rule.LPIPS_VGG,
            "colorfulness": rule.COLORFULNESS,
            "delta-cf": rule.DELTA_COLORFULNESS,
            "fid": rule.FID,
        },
        "the metrics of `colorbench score`",
    ),
    Protocol(
        "ct2",
        "Weng 2022, CT2 (ECCV)",
        "shuchenweng/CT2@482152f segm/metrics.py, eval_metrics.py, eval_fid.py, eval_colorfullness.py, data/coco.py",
        rule.CROP_256,
        {
            "psnr": rule.PSNR,
            "ssim": rule.SSIM_225,
            "lpips-vgg": rule.LPIPS_VGG,
            "colorfulness": rule.COLORFULNESS_ABS,
            "delta-cf": rule.DELTA_COLORFULNESS_ABS,
            "fid": rule.FID_CT2,
        },
        "scripts read. delta-cf: the script prints the mean of one folder, so two calls give a difference of means",
        "SSIM has a range of 225, equal weights and sample covariance. FID: torchvision's Inception, scaled as if pictures in "
        "[0, 1] were normalized by ImageNet's deviation. The script prints each number also against the photo taken through "
        "Lab and cut to 8 bits, which depends on rounding noise and is left out",
    ),
    Protocol(
        "ddcolor-crop",
        "Kang 2023, DDColor (ICCV), ImageNet val5k",
        "piddnad/DDColor@eed944c basicsr/metrics/colorfulness.py, custom_fid.py, models/color_model.py; issue 9",
        rule.CROP_256,
        {
            "colorfulness": rule.COLORFULNESS_ABS,
            "delta-cf": rule.DELTA_COLORFULNESS_ABS,
            "fid": rule.FID_DDCOLOR,
        },
        "scripts read; the crop by the authors' answer in issue 9; delta-cf by Table 1, where colorfulness and its "
        "difference lead to 38.21 in each row of val5k: a difference of means",
        "FID: CT2's network and scaling, but of pictures in [0, 1] where CT2 has [-1, 1]. PSNR is left out: the published "
        "settings have it commented out, with a border of 4 px cut off. Validation during training enhances the color of the "
        "photos by 1.2, which is not done here",
    ),
    Protocol(
        "ddcolor-resize",
        "Kang 2023, DDColor (ICCV), ImageNet val50k, COCO-Stuff, ADE20K",
        "piddnad/DDColor@eed944c basicsr/data/lab_dataset.py and as for ddcolor-crop; issue 9",
        rule.SAMPLED_256,
        {
            "colorfulness": rule.COLORFULNESS_ABS,
            "delta-cf": rule.DELTA_COLORFULNESS_ABS,
            "fid": rule.FID_DDCOLOR,
        },
        "scripts read; which sets are resized by the authors' answer in issue 9",
        "As ddcolor-crop; the resize does not antialias",
    ),
    Protocol(
        "colorformer",
        "Ji 2022, ColorFormer (ECCV)",
        "jixiaozhong/ColorFormer@288fc06 metric/psnr.py, metric/colorful.py",
        rule.AS_THEY_ARE,
        {"psnr": rule.PSNR_OF_DIFFERENT, "colorfulness": rule.COLORFULNESS_ABS_OF_COLORED},
        "scripts read; they contain no FID and no resize",
        "Colorfulness leaves out predictions below 1, so gray ones cost nothing; PSNR leaves out identical pictures",
    ),
    Protocol(
        "icolorit",
        "Yun 2023, iColoriT (WACV)",
        "pmh9960/iColoriT@c935aed evaluation/evaluate.py, utils.py",
        rule.RESIZE_224,
        {"psnr": rule.PSNR_BOUNDED, "lpips-vgg": rule.LPIPS_VGG_SHIFTED},
        "scripts read",
        "LPIPS gets pictures in [0, 1] where it expects [-1, 1]; no picture has more than 50 dB. Patch measures (boundary "
        "PSNR, patch error variance) and the optional list of gray photos are left out",
    ),
    Protocol(
        "unicolor",
        "Huang 2022, UniColor (TOG)",
        "luckyhzt/unicolor@0ed7536 sample/metrics.ipynb",
        rule.RESIZE_256,
        {
            "psnr": rule.PSNR,
            "ssim": rule.SSIM,
            "lpips-alex": rule.LPIPS_ALEX,
            "colorfulness": replace(rule.COLORFULNESS_ABS, size=rule.BICUBIC_256),
            "fid": replace(rule.FID_ALIASED, size=rule.AS_THEY_ARE),
        },
        "notebook read; its resize for colorfulness is Pillow's default, bicubic since Pillow 7",
        "Three sizes in one notebook: bilinear, bicubic for colorfulness, none for FID. Its SSIM drops the pictures after the "
        "last whole hundred, which is not done here",
    ),
    Protocol(
        "svcnet",
        "Zhao 2023, SVCNet (TIP), ctest10k",
        "zhaoyuzhi/SVCNet@59ad12d Evaluation/Pixel-level_Evaluation",
        rule.AS_THEY_ARE,
        {"psnr": rule.PSNR, "ssim": rule.SSIM_RANGE_2},
        "scripts read, the RGB form (the same in 4f08095); the range of float pictures by scikit-image's rule of that time",
        "SSIM: pictures in [0, 1] with a range of 2, scikit-image's default. The form on 8-bit ab of OpenCV is left out",
    ),
    Protocol(
        "pytorch-fid",
        "Seitzer 2020, pytorch-fid; in BigColor's scripts too",
        "mseitzer/pytorch-fid@016e715 src/pytorch_fid; KIMGEONUNG/biggan-inv@b0e7b2b scripts/colorize.fix_lpips.e012.sh",
        rule.AS_THEY_ARE,
        {"fid": rule.FID_ALIASED},
        "code read",
        "The resize to 299 px does not antialias",
    ),
    Protocol(
        "clean-fid",
        "Parmar 2022, clean-fid (CVPR)",
        "GaParmar/clean-fid@353c13e cleanfid/resize.py, inception_torchscript.py, fid.py",
        rule.AS_THEY_ARE,
        {"fid": rule.FID_BICUBIC},
        "code read, mode `clean`",
        "Resize to 299 px by Pillow's bicubic filter, not rounded",
    ),
    Protocol(
        "torch-fidelity",
        "Obukhov 2020, torch-fidelity: the resize of the graph of 2015",
        "toshas/torch-fidelity@0e40ea8 torch_fidelity/interpolate_compat_tensorflow.py",
        rule.AS_THEY_ARE,
        {"fid": rule.FID_FROM_CORNER},
        "code read",
        "Resize to 299 px as TensorFlow 1 did: without antialiasing, off by up to half a pixel",
    ),
    Protocol(
        "scikit-image",
        "convention: scikit-image's defaults",
        "",
        rule.AS_THEY_ARE,
        {"psnr": rule.PSNR, "ssim": rule.SSIM_255},
        "its documented defaults on 8-bit RGB",
        "SSIM with equal weights and sample covariance, where Wang 2004 has a Gaussian window",
    ),
    Protocol(
        "mean-error",
        "convention: PSNR of the mean error",
        "",
        rule.AS_THEY_ARE,
        {"psnr": rule.PSNR_OF_MEAN_ERROR},
        "none of the scripts read does so; shown because papers do not say which they mean",
        "Reads about 1.6 dB lower than the mean over pictures",
    ),
    Protocol(
        "lightness",
        "convention: on CIE L* alone",
        "",
        rule.AS_THEY_ARE,
        {"psnr-lightness": rule.PSNR_LIGHTNESS, "ssim-lightness": rule.SSIM_LIGHTNESS},
        "none of the scripts read does so; shown because tables near .99 look like it",
        "Blind to color: a gray picture is nearly perfect",
    ),
)

PROTOCOLS: dict[str, Protocol] = {row.key: row for row in _ROWS}


def protocol_rows(names: Sequence[str] | None) -> list[Protocol]:
    """Rows by key; None, or "all" among the names, is every protocol."""
    names = list(names or [ALL])
    for name in names:
        if name != ALL and name not in PROTOCOLS:
            raise unknown_name("protocol", name, PROTOCOLS, also=f", or {ALL}")
    return list(PROTOCOLS.values()) if ALL in names else [PROTOCOLS[name] for name in dict.fromkeys(names)]
