"""DDColor (Kang et al. 2023, arXiv 2212.11613), its tiny version: `ddcolor-tiny`.

ConvNeXt-T (96, 192, 384, 768 at 1/4 ... 1/32). Pixel decoder: pixel-shuffle to 512, 512, 256, each joined with the encoder's
map of that scale, and a x4 shuffle to 256 at full size. Color decoder: 100 learned queries of 256, nine layers of
cross-attention, self-attention and a feed-forward of 2048 (8 heads), round-robin over the three scales. The picture is the
dot product of queries and pixels, 100 channels, joined with the input, 1x1 to ab.

Unclear, and the reading taken:
- the lightness, repeated to three channels and normalized, is both the encoder's input and the one that joins the queries,
  as in the authors' code;
- a norm follows each encoder stage, and the convolutions of the pixel decoder are spectral-normalized, as there;
- every scale is projected before the queries look at it, the one that has their dimension already too: that gives the
  specification's 55.0 M (45.5 M with three layers) and 25.2 GMAC. The authors' code counts 55 006 640, of which 1536 belong
  to a norm that it builds and never uses; here they are 55 005 104;
- the published network has no auxiliary output. `deep_supervision` reads the picture after each layer of the color
  decoder, with the same last layers, as Mask2Former does, from which the decoder was taken.

`version=2` (default) shuffles as the authors' code does: the last, x4, has a bias and no batch norm, and every one starts by
ICNR (Aitken 2017), so that the pixels it makes of one start equal. `version=1` has batch norm in the last one too and no
ICNR; boards recorded with it say so or say nothing.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d
from torch.nn.utils.parametrizations import spectral_norm

from colorbench.blocks import FloatWeightConv2d
from colorbench.generators.pretrained import describe_weights, gray_as_rgb, imagenet, on_meta
from colorbench.generators.sizes import cropped, padded
from colorbench.tensors import Gray, Raw

HEADS, FEED_FORWARD = 8, 2048
MOST_TABLES = 24  # of positions that a network keeps
ENCODERS = {"convnext_tiny": "fb_in1k", "convnext_atto": "d2_in1k"}


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of each position."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Shuffle(nn.Module):
    """1x1 convolution to times^2 the channels, pixel shuffle, and a 2x2 mean that removes its checkerboard.

    `icnr`: the channels that become neighbors start equal. `norm`: batch norm instead of a bias.
    """

    def __init__(self, inputs: int, outputs: int, times: int, icnr: bool = True, norm: bool = True):
        super().__init__()
        self.widen = _conv(inputs, outputs * times**2, 1, norm=norm, repeated=times**2 if icnr else 1)
        self.shuffle = nn.Sequential(
            nn.PixelShuffle(times), nn.ReLU(), nn.ReplicationPad2d((1, 0, 1, 0)), nn.AvgPool2d(2, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.widen(x)
        if not x.is_cuda:
            return self.shuffle(x)
        # the same mean without the padded copy, whose backward adds atomically; the CPU keeps its last bits
        enlarged = self.shuffle[1](self.shuffle[0](x))
        return avg_pool2d(enlarged, 2, 1, padding=1, count_include_pad=False)[..., :-1, :-1]


class Join(nn.Module):
    """Enlarge x2, join with the encoder's map of that scale, 3x3."""

    def __init__(self, inputs: int, skip: int, outputs: int, icnr: bool = True):
        super().__init__()
        self.up = Shuffle(inputs, outputs, 2, icnr)
        self.norm = nn.BatchNorm2d(skip)
        self.merge = nn.Sequential(nn.ReLU(), _conv(outputs + skip, outputs, 3, active=True))

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return self.merge(torch.cat([self.up(x), self.norm(skip)], dim=1))


class QueryLayer(nn.Module):
    """Cross-attention to the pixels of one scale, self-attention among queries, feed-forward; a norm after each sum."""

    def __init__(self, width: int, hidden: int):
        super().__init__()
        self.cross = nn.MultiheadAttention(width, HEADS, batch_first=True)
        self.own = nn.MultiheadAttention(width, HEADS, batch_first=True)
        self.feed = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, width))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))

    def forward(self, query: Tensor, place: Tensor, seen: Tensor, where: Tensor) -> Tensor:
        """`place` tells queries apart, `where` tells positions; both are added to queries and keys, never to values."""
        looked, _ = self.cross(query + place, seen + where, seen, need_weights=False)
        query = self.norms[0](query + looked)
        talked, _ = self.own(query + place, query + place, query, need_weights=False)
        query = self.norms[1](query + talked)
        return self.norms[2](query + self.feed(query))


class ColorDecoder(nn.Module):
    """Maps `(b, channels[i], h_i, w_i)` of three scales -> colors `(b, queries, width)`, one per layer or the last alone."""

    def __init__(self, channels: list[int], width: int, queries: int, depth: int):
        super().__init__()
        if width % (2 * HEADS):
            raise ValueError(f"ddcolor's width must be a multiple of {2 * HEADS}, got {width}")
        self.inputs = nn.ModuleList(nn.Conv2d(c, width, 1) for c in channels)
        self.scale = nn.Embedding(len(channels), width)
        self.query, self.place = nn.Embedding(queries, width), nn.Embedding(queries, width)
        self.layers = nn.ModuleList(QueryLayer(width, FEED_FORWARD * width // 256) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.answer = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width)
        )
        self._tables: dict[tuple, Tensor] = {}

    def forward(self, scales: list[Tensor], every_layer: bool = False) -> list[Tensor]:
        seen, where = [], []
        for level, (lead_in, x) in enumerate(zip(self.inputs, scales)):
            seen.append((lead_in(x) + self.scale.weight[level][:, None, None]).flatten(2).transpose(1, 2))
            where.append(self.positions(x))
        place = self.place.weight.expand(len(scales[0]), -1, -1)
        query, answers = self.query.weight.expand(len(scales[0]), -1, -1), []
        for number, layer in enumerate(self.layers):
            level = number % len(scales)
            query = layer(query, place, seen[level], where[level])
            if every_layer or number == len(self.layers) - 1:
                answers.append(self.answer(self.norm(query)))
        return answers

    def positions(self, x: Tensor) -> Tensor:
        """`sine_positions` of a map, two dozen kernels once for its size: never replaced, since a captured step reads them."""
        key = *x.shape[-2:], x.device, x.dtype
        if torch.compiler.is_compiling() or (key not in self._tables and len(self._tables) == MOST_TABLES):
            return self._new_positions(x)
        if key not in self._tables:
            with torch.inference_mode(False):
                self._tables[key] = self._new_positions(x)
        return self._tables[key]

    def _new_positions(self, x: Tensor) -> Tensor:
        return sine_positions(x.shape[-2], x.shape[-1], self.norm.normalized_shape[0], x.device).to(x.dtype)


def sine_positions(h: int, w: int, width: int, device: torch.device) -> Tensor:
    """DETR's fixed sines of the normalized row and column: `(1, h * w, width)`, first half rows."""
    quarter = width // 4
    rates = 10000 ** (-torch.arange(quarter, device=device, dtype=torch.float32) / quarter)
    rows, columns = (
        (torch.arange(1, side + 1, device=device, dtype=torch.float32) / side * 2 * math.pi)[:, None] * rates
        for side in (h, w)
    )
    rows, columns = (torch.cat([angle.sin(), angle.cos()], dim=1) for angle in (rows, columns))
    both = torch.cat([rows[:, None].expand(-1, w, -1), columns[None].expand(h, -1, -1)], dim=-1)
    return both.reshape(1, h * w, width)


class DDColor(nn.Module):
    """Gray `(b, 1, h, w)` -> raw `(b, out_channels, h, w)`.

    Args:
        out_channels: of the head.
        width: dimension of queries and pixels; the pixel decoder's first two levels have twice that.
        depth: layers of the color decoder, 3 or more, so that each scale is seen.
        queries: how many color queries.
        encoder: `convnext_tiny`, or `convnext_atto` for small trials.
        pretrained: `imagenet` or None.
        deep_supervision: in training forward gives `{"raw": last, "deep": [one raw per layer of the color decoder]}`.
        version: 2, or 1 for the shuffles of earlier boards.
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
        version: int = 2,
    ):
        super().__init__()
        if depth < 3:
            raise ValueError(f"ddcolor looks at 3 scales in turn and needs depth 3 or more, got {depth}")
        if version not in (1, 2):
            raise ValueError(f"ddcolor has versions 1 and 2, got {version}")
        authors = version == 2
        self.deep_supervision = deep_supervision
        self.pretrained = describe_weights(encoder, pretrained)
        self.encoder, channels = _convnext(encoder, pretrained)
        self.norms = nn.ModuleList(ChannelNorm(c, eps=1e-6) for c in channels)
        wide = [2 * width, 2 * width, width]
        self.joins = nn.ModuleList(
            Join(i, s, o, icnr=authors) for i, s, o in zip([channels[3], *wide], channels[2::-1], wide)
        )
        self.enlarge = Shuffle(width, width, 4, icnr=authors, norm=not authors)
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
    network: Any = timm.create_model(
        f"{encoder}.{ENCODERS[encoder]}", pretrained=imagenet(pretrained) and not on_meta(), features_only=True
    )
    return network, network.feature_info.channels()


def _conv(
    inputs: int, outputs: int, kernel: int, norm: bool = True, active: bool = False, repeated: int = 1
) -> nn.Sequential:
    """Spectral-normalized convolution, ReLU if `active`, batch norm if `norm`; every filter starts `repeated` times."""
    convolution = FloatWeightConv2d(inputs, outputs, kernel, padding=kernel // 2, bias=not norm)
    nn.init.kaiming_normal_(convolution.weight, a=math.sqrt(5))
    if repeated > 1:
        with torch.no_grad():
            convolution.weight.copy_(convolution.weight[::repeated].repeat_interleave(repeated, dim=0))
            if convolution.bias is not None:
                convolution.bias.zero_()
    layers: list[nn.Module] = [spectral_norm(convolution)]
    return nn.Sequential(*layers, *([nn.ReLU()] if active else []), *([nn.BatchNorm2d(outputs)] if norm else []))
