"""What Zhang's two networks share: seven blocks of 3x3 convolutions with ReLU, batch norm only at a block's end."""

from torch import nn

BLOCKS = ((2, 1, 1), (2, 2, 1), (3, 4, 1), (3, 8, 1), (3, 8, 2), (3, 8, 2), (3, 8, 1))
"""Convolutions, channels in units of `width`, dilation; the first three blocks lead to 1/2, 1/4 and 1/8 of the size."""


def block(inputs: int, outputs: int, convolutions: int, dilation: int = 1, stride: int = 1) -> nn.Sequential:
    """3x3 and ReLU so many times, the last of stride `stride`; then batch norm."""
    layers: list[nn.Module] = []
    for place in range(convolutions):
        steps = stride if place == convolutions - 1 else 1
        layers.append(nn.Conv2d(inputs, outputs, 3, steps, padding=dilation, dilation=dilation))
        layers.append(nn.ReLU(inplace=True))
        inputs = outputs
    return nn.Sequential(*layers, nn.BatchNorm2d(outputs))


def trunk(inputs: int, width: int, strided: bool) -> nn.ModuleList:
    """The seven blocks; the first three end with stride 2 when `strided`, else the caller subsamples after them."""
    blocks = nn.ModuleList()
    for place, (convolutions, times, dilation) in enumerate(BLOCKS):
        blocks.append(block(inputs, width * times, convolutions, dilation, 2 if strided and place < 3 else 1))
        inputs = width * times
    return blocks
