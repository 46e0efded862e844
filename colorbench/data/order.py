"""Which photo comes when, and how it is cropped and flipped: pure functions of (seed, step).

A resumed run asks for step n and gets what it would have got; nothing is saved. Every generator sees the same
photos, crops and flips. The random numbers are SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom
number generators", OOPSLA 2014) of a counter: integer arithmetic, equal on every machine and in every NumPy.
"""

from functools import lru_cache

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_ORDER, _TOP, _LEFT, _FLIP = range(1, 5)  # streams: independent numbers for each purpose


def random_bits(seed: int, stream: int, counters: np.ndarray) -> np.ndarray:
    """64 random bits for every counter, uint64; a pure function of the three.

    >>> random_bits(0, 1, np.arange(2))
    array([10705738211186751225,  3032427185751592386], dtype=uint64)
    """
    with np.errstate(over="ignore"):
        key = _mix(np.array([seed % 2**64], dtype=np.uint64)) + np.uint64(stream)
        return _mix(_mix(key) + counters.astype(np.uint64) * _GOLDEN)


def _mix(bits: np.ndarray) -> np.ndarray:
    bits = bits + _GOLDEN
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


@lru_cache(maxsize=4)
def epoch_order(n: int, seed: int, epoch: int) -> np.ndarray:
    """The permutation of n photos in this epoch, int64, read-only."""
    bits = random_bits(seed, _ORDER, np.arange(n, dtype=np.uint64) + (np.uint64(epoch) << np.uint64(32)))
    order = np.argsort(bits, kind="stable")
    order.flags.writeable = False
    return order


def rows_at(step: int, *, n: int, batch: int, seed: int) -> np.ndarray:
    """The rows of one batch. Batches run on across the end of an epoch: each epoch shows every photo exactly once.

    >>> [rows_at(step, n=3, batch=2, seed=0).tolist() for step in range(3)]
    [[1, 0], [2, 1], [0, 2]]
    """
    positions = np.arange(step * batch, (step + 1) * batch)
    epochs, offsets = np.divmod(positions, n)
    rows = [epoch_order(n, seed, int(epoch))[offsets[epochs == epoch]] for epoch in np.unique(epochs)]
    return np.concatenate(rows)


def crops_at(step: int, *, batch: int, seed: int, slack_px: int, flip: bool) -> np.ndarray:
    """Top, left, flipped (0 or 1) of every photo of the batch: int64 `(batch, 3)`; offsets in 0..slack_px."""
    positions = np.arange(step * batch, (step + 1) * batch, dtype=np.uint64)
    choices = np.uint64(slack_px + 1)
    top = random_bits(seed, _TOP, positions) % choices
    left = random_bits(seed, _LEFT, positions) % choices
    flips = random_bits(seed, _FLIP, positions) % np.uint64(2 if flip else 1)
    return np.stack([top, left, flips], axis=1).astype(np.int64)
