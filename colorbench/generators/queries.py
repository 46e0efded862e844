"""DDColor's color decoder: learned queries that look at the picture, at three scales in turn."""

import math

import torch
from torch import Tensor, nn

HEADS, FEED_FORWARD = 8, 2048


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
    """Maps `(b, channels[i], h_i, w_i)` of three scales -> colors `(b, queries, width)`, one a layer or the last alone."""

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

    def forward(self, scales: list[Tensor], every_layer: bool = False) -> list[Tensor]:
        seen, where = [], []
        for level, (lead_in, x) in enumerate(zip(self.inputs, scales)):
            seen.append((lead_in(x) + self.scale.weight[level][:, None, None]).flatten(2).transpose(1, 2))
            where.append(sine_positions(*x.shape[-2:], self.norm.normalized_shape[0], x.device).to(x.dtype))
        place = self.place.weight.expand(len(scales[0]), -1, -1)
        query, answers = self.query.weight.expand(len(scales[0]), -1, -1), []
        for number, layer in enumerate(self.layers):
            level = number % len(scales)
            query = layer(query, place, seen[level], where[level])
            if every_layer or number == len(self.layers) - 1:
                answers.append(self.answer(self.norm(query)))
        return answers


def sine_positions(h: int, w: int, width: int, device: torch.device) -> Tensor:
    """DETR's fixed sines of the normalised row and column: `(1, h * w, width)`, first half rows."""
    quarter = width // 4
    rates = 10000 ** (-torch.arange(quarter, device=device, dtype=torch.float32) / quarter)
    rows, columns = (
        (torch.arange(1, side + 1, device=device, dtype=torch.float32) / side * 2 * math.pi)[:, None] * rates
        for side in (h, w)
    )
    rows, columns = (torch.cat([angle.sin(), angle.cos()], dim=1) for angle in (rows, columns))
    both = torch.cat([rows[:, None].expand(-1, w, -1), columns[None].expand(h, -1, -1)], dim=-1)
    return both.reshape(1, h * w, width)
