"""Every metric whose weights are at hand, of the same pictures, on a CPU and on a GPU."""

import math

import torch

from colorbench.metrics import METRICS, score
from colorbench.metrics.references import References


def scored(device: str, pixels: torch.Tensor) -> dict[str, float]:
    """Scores of the first half against the second: `key, number` -> one picture's, `key` -> a set's; without lacking ones."""
    half = len(pixels) // 2
    frame = score(pixels[:half], References(pixels[half:], device=device), list(METRICS))
    found = {f"{key}, {number}": float(value) for key in frame.columns for number, value in enumerate(frame[key])}
    found |= {key: float(value) for key, value in frame.attrs["set"].items()}
    return {name: value for name, value in found.items() if math.isfinite(value)}


def by_metric(first: dict[str, float], second: dict[str, float]) -> dict[str, float]:
    """The largest difference of each metric, as a share of its mean size."""
    sizes: dict[str, list[float]] = {}
    for name, value in first.items():
        sizes.setdefault(name.partition(",")[0], []).append(abs(value))
    far: dict[str, float] = {}
    for name, value in first.items():
        key = name.partition(",")[0]
        mean = sum(sizes[key]) / len(sizes[key])
        far[key] = max(far.get(key, 0.0), abs(value - second.get(name, math.inf)) / (mean or 1.0))
    return far
