"""What flows through colorbench: names for tensors, with their ranges and units.

Axis letters: b pictures, c channels, h rows, w columns, d dimension, k neighbours. Every annotation in the package uses
these names; the tests check them at every call (jaxtyping + beartype), production pays nothing.
"""

from jaxtyping import Float, Int64, UInt8
from torch import Tensor

Rgb = Float[Tensor, "b 3 h w"]
"""sRGB (IEC 61966-2-1, gamma-coded), [0, 1]."""

Rgb8 = UInt8[Tensor, "b 3 h w"]
"""sRGB as stored and moved: integers 0..255."""

LinearRgb = Float[Tensor, "b 3 h w"]
"""Linear-light RGB with sRGB primaries, [0, 1]."""

Xyz = Float[Tensor, "b 3 h w"]
"""CIE 1931 XYZ, D65 white (0.95047, 1, 1.08883)."""

Lab = Float[Tensor, "b 3 h w"]
"""CIE 1976 L*a*b*, D65 / 2 degrees: L in [0, 100]; a, b inside sRGB about -86..98 and -108..94."""

Luv = Float[Tensor, "b 3 h w"]
"""CIE 1976 L*u*v*, D65 / 2 degrees: L in [0, 100]; u, v inside sRGB about -83..175 and -134..107."""

Lightness = Float[Tensor, "b 1 h w"]
"""CIE L*, [0, 100]."""

Gray = Float[Tensor, "b 1 h w"]
"""What a generator sees: L* / 50 - 1, [-1, 1]."""

Ab = Float[Tensor, "b 2 h w"]
"""CIE a*, b*, in Lab units (not divided by 110)."""

Raw = Float[Tensor, "b c h_raw w_raw"]
"""A generator's last layer, before any head: unbounded."""

Logits = Float[Tensor, "b c hq wq"]
"""Unnormalised log-probabilities over c colour bins, usually at a quarter of the picture's size."""

BinIndices = Int64[Tensor, "b k h w"]
"""The k nearest colour bins of every pixel."""

BinWeights = Float[Tensor, "b k h w"]
"""The weights of those bins; they sum to 1 over k."""

PerImage = Float[Tensor, "b"]
"""One value a picture."""

Scalar = Float[Tensor, ""]
"""One value."""
