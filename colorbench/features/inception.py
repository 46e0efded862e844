"""InceptionV3 up to its 2048 pooled features: as FID is defined on it (the TensorFlow graph of 2015-12-05), and torchvision's.

The former is torchvision's network but for two details of the old graph: average pools do not count the padding, and the
last block pools with a maximum. Heusel 2017; the differences as found by the pytorch-fid project.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colorbench.tensors import Rgb, Rgb8

INCEPTION_SIZE = 299
INCEPTION_WIDTH = 2048

Pool = Callable[[Tensor], Tensor]
Branches = Callable[[nn.Module, Tensor], list[Tensor]]


def _average_pool(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, kernel_size=3, stride=1, padding=1, count_include_pad=False)


def _max_pool(x: Tensor) -> Tensor:
    return F.max_pool2d(x, kernel_size=3, stride=1, padding=1)


def _padded_average_pool(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, kernel_size=3, stride=1, padding=1)


class _PooledBlock(nn.Module):
    """torchvision's block of the same name, with the pool before `branch_pool` that the old graph used."""

    def __init__(self, block: nn.Module, branches: Branches, pool: Pool):
        super().__init__()
        self.branches, self.pool = branches, pool
        for name, child in block.named_children():
            self.add_module(name, child)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([*self.branches(self, x), _chain(self, self.pool(x), "branch_pool")], dim=1)


def _chain(block: nn.Module, x: Tensor, *names: str) -> Tensor:
    for name in names:
        x = getattr(block, name)(x)
    return x


def _branches_a(block: nn.Module, x: Tensor) -> list[Tensor]:
    return [
        _chain(block, x, "branch1x1"),
        _chain(block, x, "branch5x5_1", "branch5x5_2"),
        _chain(block, x, "branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"),
    ]


def _branches_c(block: nn.Module, x: Tensor) -> list[Tensor]:
    return [
        _chain(block, x, "branch1x1"),
        _chain(block, x, "branch7x7_1", "branch7x7_2", "branch7x7_3"),
        _chain(block, x, *(f"branch7x7dbl_{step}" for step in range(1, 6))),
    ]


def _branches_e(block: nn.Module, x: Tensor) -> list[Tensor]:
    narrow = _chain(block, x, "branch3x3_1")
    double = _chain(block, x, "branch3x3dbl_1", "branch3x3dbl_2")
    return [
        _chain(block, x, "branch1x1"),
        torch.cat([_chain(block, narrow, name) for name in ("branch3x3_2a", "branch3x3_2b")], dim=1),
        torch.cat([_chain(block, double, name) for name in ("branch3x3dbl_3a", "branch3x3dbl_3b")], dim=1),
    ]


class _Inception(nn.Module):
    """The layers, frozen; `pool` stands in every block but the last one, which has `last_pool`."""

    pool: Pool
    last_pool: Pool

    def __init__(self):
        super().__init__()
        from torchvision.models import inception as tv

        conv = tv.BasicConv2d
        self.Conv2d_1a_3x3 = conv(3, 32, kernel_size=3, stride=2)
        self.Conv2d_2a_3x3 = conv(32, 32, kernel_size=3)
        self.Conv2d_2b_3x3 = conv(32, 64, kernel_size=3, padding=1)
        self.Conv2d_3b_1x1 = conv(64, 80, kernel_size=1)
        self.Conv2d_4a_3x3 = conv(80, 192, kernel_size=3)
        for name, width, pool in (("5b", 192, 32), ("5c", 256, 64), ("5d", 288, 64)):
            self._add(name, tv.InceptionA(width, pool_features=pool), _branches_a, self.pool)
        self.Mixed_6a = tv.InceptionB(288)
        for name, width in (("6b", 128), ("6c", 160), ("6d", 160), ("6e", 192)):
            self._add(name, tv.InceptionC(768, channels_7x7=width), _branches_c, self.pool)
        self.Mixed_7a = tv.InceptionD(768)
        self._add("7b", tv.InceptionE(1280), _branches_e, self.pool)
        self._add("7c", tv.InceptionE(2048), _branches_e, self.last_pool)
        self.requires_grad_(False).eval()

    def _add(self, name: str, block: nn.Module, branches: Branches, pool: Pool) -> None:
        self.add_module(f"Mixed_{name}", _PooledBlock(block, branches, pool))

    def train(self, mode: bool = True):
        """Frozen: stays in evaluation mode."""
        return super().train(False)

    def pooled(self, x: Tensor) -> Tensor:
        """Pooled features `(b, 2048)` of pictures at 299 px, scaled as the network is meant to get them."""
        with torch.autocast(x.device.type, enabled=False):
            x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x.float())))
            x = F.max_pool2d(x, kernel_size=3, stride=2)
            x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x))
            x = F.max_pool2d(x, kernel_size=3, stride=2)
            for name in ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c"):
                x = getattr(self, f"Mixed_{name}")(x)
            return x.mean(dim=(2, 3))


class FidInception(_Inception):
    """RGB -> `(b, 2048)` pooled features, frozen.

    RGB float in [0, 1] is first rounded to 8 bits (what a saved PNG would hold). The resize to 299 px is bilinear and
    antialiased (`align_corners=False`), where the old graph's resize aliases when it shrinks: FID 13.303 here, 13.408 there,
    on the same pictures of 256 px. `forward_resized` takes pictures that are 299 px already.
    """

    pool, last_pool = staticmethod(_average_pool), staticmethod(_max_pool)

    def forward(self, rgb: Rgb | Rgb8) -> Tensor:
        """Pooled features of pictures of any size, float in [0, 1] or uint8."""
        return self.forward_resized(resized_levels(rgb))

    def forward_resized(self, levels: Tensor) -> Tensor:
        """Pooled features of pictures at 299 px whose channels are 0..255."""
        return self.pooled((levels.float() - 128) / 128)


class TorchvisionInception(_Inception):
    """Pictures at 299 px -> `(b, 2048)` pooled features of torchvision's own network: only for scripts that took this one."""

    pool, last_pool = staticmethod(_padded_average_pool), staticmethod(_padded_average_pool)

    def forward(self, x: Tensor) -> Tensor:
        """Pooled features of pictures whose channels are in [-1, 1], or as a script has them."""
        return self.pooled(x)


def resized_levels(rgb: Rgb | Rgb8) -> Tensor:
    """Pictures at 299 px, 0..255: rounded to 8 bits, then resized with antialiasing."""
    levels = rgb.float() if rgb.dtype == torch.uint8 else (rgb.float() * 255).round()
    if levels.shape[-2:] == (INCEPTION_SIZE, INCEPTION_SIZE):
        return levels
    size = (INCEPTION_SIZE, INCEPTION_SIZE)
    return F.interpolate(levels, size, mode="bilinear", align_corners=False, antialias=True)
