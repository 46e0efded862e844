"""References: the true photos of a board, with all that metrics need of them computed once and shared by all
generators.

>>> import torch
>>> photos = References(torch.rand(3, 3, 16, 16), batch=2)
>>> [len(indices) for indices, _ in photos]
[2, 1]
"""

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from colorbench.color import AbPrior
from colorbench.metrics.ab_auc import rebalancing
from colorbench.metrics.kept_features import KeptFeatures
from colorbench.metrics.pair import Reference, Room
from colorbench.metrics.pictures import Pictures, pictures_of

BATCH = 16
KEEP_BYTES = 1 << 30


class References:
    """True photos, in batches that keep their Lab, colorfulness and network features.

    Args:
        source: a tensor, an array, a list or a folder: see `score`.
        batch: pictures at a time.
        device: where metrics are computed; default where the photos are.
        keep_bytes: how much may be kept; beyond it (in the order of use) it is computed anew for every generator. An
            image of 256 px takes 0.8 MB of Lab, 2.5 MB of LPIPS features (alex), 9 (squeeze), 32 (vgg).
        part_of: the set that these photos are a part of: `ab-auc-rebalanced` counts colors over all of it.
        cached: whether Inception features of a stack of 8-bit photos are kept in the cache folder, for other processes too.
    """

    def __init__(
        self,
        source,
        *,
        batch: int = BATCH,
        device: torch.device | str | None = None,
        keep_bytes: int | float = KEEP_BYTES,
        part_of: "References | None" = None,
        cached: bool = False,
    ):
        if batch < 1:
            raise ValueError(f"expected batch >= 1 pictures at a time, got {batch}")
        self.pictures: Pictures = pictures_of(source, "target")
        self.batch, self.device, self.part_of = batch, device, part_of
        self.room = Room(keep_bytes)
        self.cached = cached and self.pictures.stack is not None and self.pictures.stack.dtype == torch.uint8
        self._batches: list[tuple[list[int], Reference]] | None = None
        self._bin_weights: Tensor | None = None
        self._features: KeptFeatures | None = None

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def names(self) -> list[str]:
        return self.pictures.names

    @property
    def unreadable(self) -> dict[str, str]:
        """Name -> why, of the files that gave no picture."""
        return self.pictures.unreadable

    def __iter__(self) -> Iterator[tuple[list[int], Reference]]:
        """Batches: the indices of their photos, and the photos."""
        if self._batches is not None:
            yield from self._batches
            return
        batches, complete = [], True
        for indices, pictures in self.pictures.batches(self.batch):
            inception = partial(self._inception, indices) if self.cached else None
            reference = Reference(as_float(pictures, self.device), self.room, self.bin_weights, inception)
            complete = complete and self.room.take(reference.rgb.numel() * reference.rgb.element_size())
            batches.append((indices, reference) if complete else None)
            yield indices, reference
        if complete:
            self._batches = batches

    def _inception(self, indices: list[int], compute: Callable[[], Tensor]) -> Tensor:
        if self._features is None:
            stack = self.pictures.stack
            assert stack is not None
            self._features = KeptFeatures(stack.cpu(), torch.device(self.device or stack.device), self.batch)
        return self._features.of(indices, compute)

    def bin_weights(self) -> Tensor:
        """1 / p of each of the 313 bins, p over all these photos, or over the set that they are a part of."""
        if self.part_of is not None:
            return self.part_of.bin_weights()
        if self._bin_weights is None:
            prior = AbPrior()
            for _, reference in self:
                prior.update(reference.lab[:, 1:])
            self._bin_weights = rebalancing(prior.prior())
        return self._bin_weights


def as_float(pictures: Tensor, device: torch.device | str | None) -> Tensor:
    """Float in [0, 1] on the device; uint8 travels as uint8."""
    pictures = pictures.to(device) if device is not None else pictures
    return pictures.float() / 255 if pictures.dtype == torch.uint8 else pictures
