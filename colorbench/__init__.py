"""colorbench: losses, metrics and a standard GPU budget for image colorization.

    import colorbench as cb

    cb.build_loss("l1 + ssim"); cb.score("predictions/", "photos/"); cb.rgb_to_lab(photos); cb.LOSSES; cb.metrics.ssim

Everything is loaded when it is first used: the import itself is instant and brings in no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from colorbench import color, data, generators, grid, leaderboard, losses, metrics, suites, training
    from colorbench.batch import Batch, Output
    from colorbench.color import (
        ab_bins,
        annealed_mean,
        lab_to_rgb,
        lab_to_xyz,
        linear_to_rgb,
        linear_to_xyz,
        luv_to_rgb,
        luv_to_xyz,
        rgb_to_lab,
        rgb_to_linear,
        rgb_to_luv,
        rgb_to_xyz,
        soft_encode,
        xyz_to_lab,
        xyz_to_luv,
        xyz_to_rgb,
    )
    from colorbench.data import DATASETS
    from colorbench.generators import GENERATORS, build_generator
    from colorbench.grid import run
    from colorbench.losses import LOSSES, build_loss
    from colorbench.metrics import METRICS, as_torchmetric, score
    from colorbench.suites import SUITES, load_suite
    from colorbench.training import train

__version__ = "0.1.0"

__all__ = [
    "DATASETS",
    "GENERATORS",
    "LOSSES",
    "METRICS",
    "SUITES",
    "Batch",
    "Output",
    "ab_bins",
    "annealed_mean",
    "as_torchmetric",
    "build_generator",
    "build_loss",
    "color",
    "data",
    "generators",
    "grid",
    "lab_to_rgb",
    "lab_to_xyz",
    "leaderboard",
    "linear_to_rgb",
    "linear_to_xyz",
    "load_suite",
    "losses",
    "luv_to_rgb",
    "luv_to_xyz",
    "metrics",
    "rgb_to_lab",
    "rgb_to_linear",
    "rgb_to_luv",
    "rgb_to_xyz",
    "run",
    "score",
    "soft_encode",
    "suites",
    "train",
    "training",
    "xyz_to_lab",
    "xyz_to_luv",
    "xyz_to_rgb",
]

_HOMES = {
    "DATASETS": "data",
    "GENERATORS": "generators",
    "build_generator": "generators",
    "LOSSES": "losses",
    "build_loss": "losses",
    "METRICS": "metrics",
    "as_torchmetric": "metrics",
    "score": "metrics",
    "SUITES": "suites",
    "load_suite": "suites",
    "Batch": "batch",
    "Output": "batch",
    "run": "grid",
    "train": "training",
}
"""Where a name is defined. The other names are packages, or functions of `color`."""
_PACKAGES = ("color", "data", "generators", "grid", "leaderboard", "losses", "metrics", "suites", "training")


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _PACKAGES:
        return import_module(f"{__name__}.{name}")
    value = getattr(import_module(f"{__name__}.{_HOMES.get(name, 'color')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
