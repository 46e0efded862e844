"""Batch and Output: the truth and a prediction, each seen as rgb, lab, ab or logits, each view computed at most once.

Losses ask for the view their row names; nobody converts colours to guess what it was given.
"""

from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from colorbench.color import annealed_mean, lab_to_rgb, rgb_to_lab
from colorbench.tensors import Ab, Gray, Lab, Lightness, Logits, Rgb, Rgb8

VIEWS = ("rgb", "lab", "ab", "logits")


def _view(colors: "Batch | Output", name: str) -> Tensor:
    if name not in VIEWS:
        raise KeyError(f"unknown view {name!r}; known views: {', '.join(VIEWS)}")
    return getattr(colors, name)


class Batch:
    """True photos on the device. `rgb` in [0, 1] float32 `(b, 3, h, w)`; uint8 input is divided by 255."""

    def __init__(self, rgb: Rgb | Rgb8):
        if rgb.ndim != 4 or rgb.shape[1] != 3:
            raise ValueError(f"expected RGB photos of shape (b, 3, h, w), got {tuple(rgb.shape)}")
        self.rgb = rgb.float() / 255 if rgb.dtype == torch.uint8 else rgb.float()

    @classmethod
    def from_rgb(cls, rgb: Rgb | Rgb8) -> "Batch":
        """The batch of these photos, float in [0, 1] or uint8."""
        return cls(rgb)

    def __len__(self) -> int:
        return len(self.rgb)

    @cached_property
    def lab(self) -> Lab:
        return rgb_to_lab(self.rgb)

    @property
    def lightness(self) -> Lightness:
        return self.lab[:, :1]

    @property
    def ab(self) -> Ab:
        return self.lab[:, 1:]

    @property
    def gray(self) -> Gray:
        """The one input of every generator: L* / 50 - 1."""
        return self.lightness / 50 - 1

    def view(self, name: str) -> Tensor:
        """The truth as `rgb`, `lab` or `ab`. A `logits` loss compares with ab, so that view of the truth is ab."""
        return _view(self, "ab" if name == "logits" else name)


class Output:
    """A prediction. Made from ab, rgb or bin logits; the other views follow, each computed at most once.

    Args:
        lightness: L* of the photo, `(b, 1, h, w)`, [0, 100].
        ab: predicted a*, b* `(b, 2, h, w)`, or None when `rgb` is given.
        rgb: predicted sRGB in [0, 1], or None.
        logits: bin logits `(b, 313, h', w')` of a `bins` head, or None. Without ab and rgb they are decoded when colours
            are asked for, and enlarged bilinearly to the photo.
        temperature: of the annealed mean that decodes logits; 1 is the mean, towards 0 the mode.
        extras: what else a generator gave while training: `deep` (list of Outputs), `logits_529`, `regression`.
    """

    def __init__(
        self,
        lightness: Lightness,
        *,
        ab: Ab | None = None,
        rgb: Rgb | None = None,
        logits: Logits | None = None,
        temperature: float = 0.38,
        extras: dict | None = None,
    ):
        if ab is None and rgb is None and logits is None:
            raise ValueError("an Output needs ab, rgb or logits; got none of them")
        self.lightness, self._ab, self._rgb, self._logits = lightness, ab, rgb, logits
        self._temperature = temperature
        self.extras = extras or {}

    @classmethod
    def from_ab(cls, ab: Ab, lightness: Lightness, **more) -> "Output":
        """A prediction in ab, under the photo's own lightness."""
        return cls(lightness, ab=ab.float(), **more)

    @classmethod
    def from_rgb(cls, rgb: Rgb) -> "Output":
        """A prediction in RGB that keeps its own lightness."""
        return cls(rgb_to_lab(rgb.float())[:, :1], rgb=rgb.float())

    @classmethod
    def from_logits(cls, logits: Logits, lightness: Lightness, **more) -> "Output":
        """A prediction over the 313 bins. Losses on logits never pay for its colours."""
        return cls(lightness, logits=logits.float(), **more)

    def __len__(self) -> int:
        return len(self.lightness)

    @cached_property
    def ab(self) -> Ab:
        if self._ab is not None:
            return self._ab
        return self._decoded() if self._rgb is None else rgb_to_lab(self._rgb)[:, 1:]

    def _decoded(self) -> Ab:
        ab = annealed_mean(self.logits, temperature=self._temperature)
        size = self.lightness.shape[-2:]
        return ab if ab.shape[-2:] == size else interpolate(ab, size, mode="bilinear", align_corners=False)

    @cached_property
    def lab(self) -> Lab:
        if self._ab is None and self._rgb is not None:
            return rgb_to_lab(self._rgb)
        return torch.cat([self.lightness, self.ab], dim=1)

    @cached_property
    def rgb(self) -> Rgb:
        """sRGB in [0, 1]; outside the gamut clipped, with a gradient that still points back."""
        return self._rgb if self._rgb is not None else lab_to_rgb(self.lab, clip="soft")

    @property
    def logits(self) -> Logits:
        if self._logits is None:
            raise ValueError("this output has no bin logits: use the head 'bins' (--head bins) with this loss")
        return self._logits

    def view(self, name: str) -> Tensor:
        """The prediction as `rgb`, `lab`, `ab` or `logits`."""
        return _view(self, name)

    def detach(self) -> "Output":
        """The same prediction, cut from the graph; views computed already are kept."""
        detached = Output.__new__(Output)
        detached.__dict__.update(
            {key: value.detach() if isinstance(value, Tensor) else value for key, value in self.__dict__.items()}
        )
        detached.extras = {}
        return detached
