"""Image pool: a critic is shown past fakes too (Shrivastava 2017; CycleGAN keeps 50)."""

import torch
from jaxtyping import Float
from torch import Tensor


class ImagePool:
    """Keeps `size` past pictures; half of what it hands out is old, and the new one takes its place.

    Its pictures are not part of a checkpoint: after a resume the pool fills again. `size` 0 hands back what
    comes.
    """

    def __init__(self, size: int = 50):
        if size < 0:
            raise ValueError(f"an image pool has size 0 or more, got {size}")
        self.size, self.kept = size, []

    def __call__(self, pictures: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        if self.size == 0:
            return pictures
        return torch.stack([self._swap(picture) for picture in pictures.detach()])

    def _swap(self, picture: Tensor) -> Tensor:
        if len(self.kept) < self.size:
            self.kept.append(picture.clone())
            return picture
        if torch.rand(()) < 0.5:
            return picture
        at = int(torch.randint(self.size, ()))
        old, self.kept[at] = self.kept[at], picture.clone()
        return old
