"""DDColor (Kang et al. 2023, arXiv 2212.11613), its tiny version: `ddcolor-tiny`.

ConvNeXt-T (96, 192, 384, 768 at 1/4 ... 1/32). Pixel decoder: pixel-shuffle to 512, 512, 256, each joined with the encoder's
map of that scale, and a x4 shuffle to 256 at full size. Color decoder: 100 learned queries of 256, nine layers of
cross-attention, self-attention and a feed-forward of 2048 (8 heads), round-robin over the three scales. The picture is the
dot product of queries and pixels, 100 channels, joined with the input, 1x1 to ab.

Unclear, and the reading taken:
- the lightness, repeated to three channels and normalised, is both the encoder's input and the one that joins the queries,
  as in the authors' code;
- a norm follows each encoder stage, and the convolutions of the pixel decoder are spectral-normalised, as there;
- every scale is projected before the queries look at it, the one that has their dimension already too: that gives the
  specification's 55.0 M (45.5 M with three layers) and 25.2 GMAC;
- the published network has no auxiliary output. `deep_supervision` reads the picture after each layer of the color
  decoder, with the same last layers, as Mask2Former does, from which the decoder was taken.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from colorbench.generators.pretrained import describe_weights, gray_as_rgb, imagenet, on_meta
from colorbench.generators.queries import ColorDecoder
from colorbench.generators.sizes import cropped, padded
from colorbench.tensors import Gray, Raw

ENCODERS = {"convnext_tiny": "fb_in1k", "convnext_atto": "d2_in1k"}


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of each position."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Shuffle(nn.Module):
    """1x1 convolution to times^2 the channels, pixel shuffle, and a 2x2 mean that removes its checkerboard."""

    def __init__(self, inputs: int, outputs: int, times: int):
        super().__init__()
        self.widen = _conv(inputs, outputs * times**2, 1)
        self.shuffle = nn.Sequential(
            nn.PixelShuffle(times), nn.ReLU(), nn.ReplicationPad2d((1, 0, 1, 0)), nn.AvgPool2d(2, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.shuffle(self.widen(x))


class Join(nn.Module):
    """Enlarge x2, join with the encoder's map of that scale, 3x3."""

    def __init__(self, inputs: int, skip: int, outputs: int):
        super().__init__()
        self.up = Shuffle(inputs, outputs, 2)
        self.norm = nn.BatchNorm2d(skip)
        self.merge = nn.Sequential(nn.ReLU(), _conv(outputs + skip, outputs, 3, active=True))

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return self.merge(torch.cat([self.up(x), self.norm(skip)], dim=1))


class DDColor(nn.Module):
    """Gray `(b, 1, h, w)` -> raw `(b, out_channels, h, w)`.

    Args:
        out_channels: of the head.
        width: dimension of queries and pixels; the pixel decoder's first two levels have twice that.
        depth: layers of the color decoder, 3 or more, so that each scale is seen.
        queries: how many color queries.
        encoder: `convnext_tiny`, or `convnext_atto` for small trials.
        pretrained: `imagenet` or None.
        deep_supervision: in training forward gives `{"raw": last, "deep": [one raw a layer of the color decoder]}`.
    """

    def __init__(
        self,
        out_channels: int = 2,
        width: int = 256,
        depth: int = 9,
        queries: int = 100,
        encoder: str = "convnext_tiny",
        pretrained: str | None = None,
        deep_supervision: bool = False,
    ):
        super().__init__()
        if depth < 3:
            raise ValueError(f"ddcolor looks at 3 scales in turn and needs depth 3 or more, got {depth}")
        self.deep_supervision = deep_supervision
        self.pretrained = describe_weights(encoder, pretrained)
        self.encoder, channels = _convnext(encoder, pretrained)
        self.norms = nn.ModuleList(ChannelNorm(c, eps=1e-6) for c in channels)
        wide = [2 * width, 2 * width, width]
        self.joins = nn.ModuleList(Join(i, s, o) for i, s, o in zip([channels[3], *wide], channels[2::-1], wide))
        self.enlarge = Shuffle(width, width, 4)
        self.colors = ColorDecoder(wide, width, queries, depth)
        self.refine = _conv(queries + 3, out_channels, 1, norm=False)

    def forward(self, gray: Gray) -> Raw | dict[str, object]:
        x = gray_as_rgb(padded(gray, 32, least=64))
        pixels, scales = self.decode_pixels(x)
        wanted = self.deep_supervision and self.training
        answers = self.colors(scales, every_layer=wanted)
        raws = [cropped(self.paint(answer, pixels, x), gray) for answer in answers]
        return {"raw": raws[-1], "deep": raws} if wanted else raws[-1]

    def decode_pixels(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Full-size pixel features, and the three scales the queries look at, coarse to fine."""
        maps = [norm(m) for norm, m in zip(self.norms, self.encoder(x))]
        x, scales = maps[3], []
        for join, skip in zip(self.joins, maps[2::-1]):
            x = join(x, skip)
            scales.append(x)
        return self.enlarge(x), scales

    def paint(self, answer: Tensor, pixels: Tensor, x: Tensor) -> Tensor:
        """Dot product of queries and pixels, joined with the input, to the head's channels."""
        return self.refine(torch.cat([torch.einsum("bqc,bchw->bqhw", answer, pixels), x], dim=1))


def _convnext(encoder: str, pretrained: str | None) -> tuple[nn.Module, list[int]]:
    import timm

    if encoder not in ENCODERS:
        raise ValueError(f"unknown encoder {encoder!r}; known encoders: {', '.join(ENCODERS)}")
    network = timm.create_model(
        f"{encoder}.{ENCODERS[encoder]}", pretrained=imagenet(pretrained) and not on_meta(), features_only=True
    )
    return network, network.feature_info.channels()


def _conv(inputs: int, outputs: int, kernel: int, norm: bool = True, active: bool = False) -> nn.Sequential:
    """Spectral-normalised convolution, ReLU when `active`, batch norm when `norm`."""
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=not norm)
    nn.init.kaiming_normal_(convolution.weight, a=math.sqrt(5))
    layers: list[nn.Module] = [spectral_norm(convolution)]
    return nn.Sequential(*layers, *([nn.ReLU()] if active else []), *([nn.BatchNorm2d(outputs)] if norm else []))
