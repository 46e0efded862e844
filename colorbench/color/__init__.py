"""Color: sRGB, XYZ, Lab, Luv both ways, the ab bins of the classification loss, and the compile switch.

Everything takes and gives `(b, c, h, w)`, is differentiable with finite gradients, and computes in float32
(float64 stays float64) whatever the autocast.
"""

from colorbench.color.bins import ab_bins
from colorbench.color.decode import annealed_mean, hard_ab
from colorbench.color.encode import densify, nearest_bin, soft_encode
from colorbench.color.lab import lab_to_rgb, lab_to_xyz, rgb_to_lab, xyz_to_lab
from colorbench.color.luv import luv_to_rgb, luv_to_xyz, rgb_to_luv, xyz_to_luv
from colorbench.color.prior import AbPrior, class_weights
from colorbench.color.srgb import linear_to_rgb, linear_to_xyz, rgb_to_linear, rgb_to_xyz, xyz_to_rgb

__all__ = [
    "AbPrior",
    "ab_bins",
    "annealed_mean",
    "class_weights",
    "densify",
    "hard_ab",
    "lab_to_rgb",
    "lab_to_xyz",
    "linear_to_rgb",
    "linear_to_xyz",
    "luv_to_rgb",
    "luv_to_xyz",
    "nearest_bin",
    "rgb_to_lab",
    "rgb_to_linear",
    "rgb_to_luv",
    "rgb_to_xyz",
    "soft_encode",
    "xyz_to_lab",
    "xyz_to_luv",
    "xyz_to_rgb",
]
