"""The photo feeds of one cell: one a picture size, and for unpaired losses a second one in another order."""

import torch
from torch import Tensor

from colorbench.cell import Cell
from colorbench.data import PhotoFeed, Photos
from colorbench.training.phases import size_at

_OTHERS = 7_919  # added to the seed of the unpaired photos' order


class Feeds:
    """Feeds open when they are first asked for."""

    def __init__(self, cell: Cell, photos: Photos, device: torch.device):
        self.cell, self.photos, self.device = cell, photos, device
        self._open: dict[tuple[int, bool], PhotoFeed] = {}

    def batch(self, step: int, share: float, *, others: bool = False) -> Tensor:
        """uint8 photos of this step, at the size of this share of the budget; `others` are the unpaired ones."""
        protocol = self.cell.protocol
        size = size_at(self.cell.recipe.phases, share, protocol.size_px)
        if (size, others) not in self._open:
            seed = self.cell.seed + (_OTHERS if others else 0)
            self._open[size, others] = PhotoFeed(
                self.photos.train, self.device, protocol.batch, seed, crop_px=size, flip=protocol.flip,
            )  # fmt: skip
        return self._open[size, others].batch_at(step)

    @property
    def wait_seconds(self) -> float:
        """How long training has waited for photos."""
        return sum(feed.wait_seconds for feed in self._open.values())

    def close(self) -> None:
        for feed in self._open.values():
            feed.close()
