"""Any size in, the same size out: pad to what the network's strides need, crop what was padded."""

from collections.abc import Callable

from torch import Tensor
from torch.nn.functional import pad

from colorbench.tensors import Gray

LEAST_PX = 16
"""No generator takes a picture with a side below this."""


def padded(gray: Gray, multiple: int, least: int = 0) -> Tensor:
    """The picture with its last row and column repeated until both sides are multiples of `multiple`, at least `least`.

    `least` keeps batch normalization from seeing a single value per channel, which it refuses in training.

    Raises:
        ValueError: the input is not `(b, 1, h, w)`, or a side is below 16 pixels; names the size to pad to.
    """
    if gray.ndim != 4 or gray.shape[1] != 1:
        raise ValueError(f"a generator takes lightness of shape (b, 1, h, w), got {tuple(gray.shape)}")
    h, w = gray.shape[-2:]
    if h < LEAST_PX or w < LEAST_PX:
        raise ValueError(
            f"a generator takes pictures of at least {LEAST_PX}x{LEAST_PX} px, got {h}x{w}; "
            f"pad to {max(h, LEAST_PX)}x{max(w, LEAST_PX)}"
        )
    bottom, right = _missing(h, multiple, least), _missing(w, multiple, least)
    return pad(gray, (0, right, 0, bottom), mode="replicate") if bottom or right else gray


def _missing(side: int, multiple: int, least: int) -> int:
    return -(-max(side, least) // multiple) * multiple - side


def cropped(raw: Tensor, gray: Tensor, stride: int = 1) -> Tensor:
    """What belongs to the unpadded picture: `(b, c, ceil(h / stride), ceil(w / stride))`."""
    h, w = (-(-side // stride) for side in gray.shape[-2:])
    return raw if raw.shape[-2:] == (h, w) else raw[..., :h, :w]


def at_any_size(network: Callable[[Tensor], Tensor], gray: Tensor, multiple: int, least: int = 0) -> Tensor:
    """`network` on the padded picture, cropped back."""
    return cropped(network(padded(gray, multiple, least)), gray)
