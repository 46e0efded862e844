"""Image pool: a critic is shown past fakes too (Shrivastava 2017; CycleGAN keeps 50)."""

import torch
from jaxtyping import Float
from torch import Tensor


class ImagePool:
    """Keeps `size` past pictures; half of what it hands out is old, and the new one takes its place.

    `kept` is its whole state: `load` puts it back, so a resumed run goes on with the same pictures. When pictures
    change their size, the old ones are let go. `size` 0 hands back what comes.
    """

    def __init__(self, size: int = 50):
        if size < 0:
            raise ValueError(f"an image pool has size 0 or more, got {size}")
        self.size = size
        self.kept: list[Tensor] = []

    def __call__(self, pictures: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        if self.size == 0:
            return pictures
        return torch.stack([self._swap(picture) for picture in pictures.detach()])

    def load(self, kept: list[Tensor]) -> None:
        """Go on with these pictures, `kept` of an earlier pool of the same size."""
        if len(kept) > self.size:
            raise ValueError(
                f"an image pool of {self.size} cannot take {len(kept)} pictures; load the state of its own run"
            )
        self.kept = [picture.clone() for picture in kept]

    def _swap(self, picture: Tensor) -> Tensor:
        if self.kept and self.kept[0].shape != picture.shape:
            self.kept = []
        if len(self.kept) < self.size:
            self.kept.append(picture.clone())
            return picture
        if torch.rand(()) < 0.5:
            return picture
        at = int(torch.randint(self.size, ()))
        old, self.kept[at] = self.kept[at], picture.clone()
        return old
