"""Batch and Output: the truth and a prediction, each seen as rgb, lab, ab or logits, each view computed at most once.

A loss gets the view that its row names and converts no colors itself.
"""

from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from colorbench.color import annealed_mean, lab_to_rgb, rgb_to_lab
from colorbench.tensors import Ab, Gray, Lab, Lightness, Logits, Rgb, Rgb8, checked_floats, checked_rgb

VIEWS = ("rgb", "lab", "ab", "logits")


def _view(colors: "Batch | Output", name: str) -> Tensor:
    if name not in VIEWS:
        raise KeyError(f"unknown view {name!r}; known views: {', '.join(VIEWS)}")
    return getattr(colors, name)


def _check_fit(lightness: Tensor, **views: Tensor | None) -> None:
    for name, view in views.items():
        if view is None:
            continue
        sizes = slice(2, 2) if name == "logits" else slice(2, None)  # logits may be smaller: they are enlarged
        if (len(view), view.shape[sizes]) != (len(lightness), lightness.shape[sizes]):
            raise ValueError(
                f"{name} has shape {tuple(view.shape)}, lightness {tuple(lightness.shape)}: give one prediction "
                "per photo, at its size"
            )


class Batch:
    """True photos on the device. `rgb` in [0, 1] float32 `(b, 3, h, w)`; uint8 input is divided by 255."""

    def __init__(self, rgb: Rgb | Rgb8):
        self.rgb = checked_rgb(rgb).float()

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
        logits: bin logits `(b, 313, h', w')` of a `bins` head, or None. Without ab and rgb they are decoded when colors
            are asked for, and enlarged bilinearly to the photo.
        temperature: of the annealed mean that decodes logits; 1 is the mean, towards 0 the mode.
        extras: further outputs of a generator in training: `deep` (list of Outputs), `logits_529`, `regression`.
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
        lightness = checked_floats(lightness, "lightness", 1).float()
        ab = None if ab is None else checked_floats(ab, "ab", 2).float()
        rgb = None if rgb is None else checked_rgb(rgb).float()
        logits = None if logits is None else checked_floats(logits, "logits").float()
        _check_fit(lightness, ab=ab, rgb=rgb, logits=logits)
        self.lightness, self._ab, self._rgb, self._logits = lightness, ab, rgb, logits
        self._temperature = temperature
        self.extras = extras or {}

    @classmethod
    def from_ab(cls, ab: Ab, lightness: Lightness, **more) -> "Output":
        """A prediction in ab, under the photo's own lightness."""
        return cls(lightness, ab=ab, **more)

    @classmethod
    def from_rgb(cls, rgb: Rgb | Rgb8) -> "Output":
        """A prediction in RGB, float in [0, 1] or uint8, that keeps its own lightness."""
        rgb = checked_rgb(rgb).float()
        return cls(rgb_to_lab(rgb)[:, :1], rgb=rgb)

    @classmethod
    def from_logits(cls, logits: Logits, lightness: Lightness, **more) -> "Output":
        """A prediction over the 313 bins. For losses on logits its colors are never computed."""
        return cls(lightness, logits=logits, **more)

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
        """The same prediction, detached from the graph; views that are computed already are kept."""
        detached = Output.__new__(Output)
        detached.__dict__.update(
            {key: value.detach() if isinstance(value, Tensor) else value for key, value in self.__dict__.items()}
        )
        detached.extras = {}
        return detached
