"""Generators that fail as real ones do: a plug-in file, loaded by the tests of training."""

import torch
from torch import nn

from colorbench.features import WeightsMissing


class OneConvolution(nn.Module):
    def __init__(self, out_channels: int = 2):
        super().__init__()
        self.only = nn.Conv2d(1, out_channels, 3, padding=1)

    def forward(self, gray):
        return self.only(gray)


class OnePhotoFits(OneConvolution):
    """Asks for 4 EB when it is shown two photos at once."""

    def forward(self, gray):
        if len(gray) > 1 and not gray.is_meta:
            torch.empty(2**60)
        return super().forward(gray)


class NothingFits(OneConvolution):
    def forward(self, gray):
        if not gray.is_meta:
            torch.empty(2**60)
        return super().forward(gray)


class WrongShapes(OneConvolution):
    def forward(self, gray):
        return torch.zeros(2, 3) @ torch.zeros(2, 3)


class NoWeights(OneConvolution):
    def __init__(self, out_channels: int = 2):
        super().__init__(out_channels)
        if not self.only.weight.is_meta:
            raise WeightsMissing("weights of no-weights are not here: put them there")


class BreaksWhenEvaluated(OneConvolution):
    def forward(self, gray):
        if not self.training and not gray.is_meta:
            raise ValueError("this layer has no evaluation mode")
        return super().forward(gray)


class NoRoomToEvaluate(OneConvolution):
    def forward(self, gray):
        if not self.training and not gray.is_meta:
            raise RuntimeError("CUDA error: out of memory")
        return super().forward(gray)


GENERATORS = {
    "breaks-when-evaluated": BreaksWhenEvaluated,
    "no-room-to-evaluate": NoRoomToEvaluate,
    "one-photo-fits": OnePhotoFits,
    "nothing-fits": NothingFits,
    "wrong-shapes": WrongShapes,
    "no-weights": NoWeights,
}
