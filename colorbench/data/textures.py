"""Textures of lightness, by which a material is recognized from gray alone.

Each is a function `(x, y, inside, noise) -> t`, t in [0, 1], `(s, s)`: x and y are the places of the pixels in the
texture's own turned and shifted frame, in periods; `inside` is their place within the object, -1 to 1 along its direction;
`noise(column, row)` gives each cell of whole numbers its number in
[0, 1). Only + - * /, floor and comparison: the same bytes on
every machine.
"""

from collections.abc import Callable

import numpy as np

Plane = np.ndarray
"""float64 `(s, s)`."""


def gradient(x: Plane, y: Plane, inside: Plane, noise: Callable) -> Plane:
    """Smooth, from dark to light across the object."""
    return np.clip(0.5 + 0.5 * inside, 0.0, 1.0)


def grain(x: Plane, y: Plane, inside: Plane, noise: Callable) -> Plane:
    """Independent noise in every pixel."""
    row, column = np.indices(x.shape)
    return noise(column, row)


def stripes(x: Plane, y: Plane, inside: Plane, noise: Callable) -> Plane:
    """Straight, sharp stripes of equal width."""
    return _odd(np.floor(2 * x))


def dots(x: Plane, y: Plane, inside: Plane, noise: Callable) -> Plane:
    """Bright discs on a square lattice."""
    dx, dy = _part(x) - 0.5, _part(y) - 0.5
    return np.where(dx * dx + dy * dy < 0.07, 1.0, 0.1)


def checks(x: Plane, y: Plane, inside: Plane, noise: Callable) -> Plane:
    """A chess board."""
    return _odd(np.floor(1.6 * x) + np.floor(1.6 * y))


def bricks(x: Plane, y: Plane, inside: Plane, noise: Callable) -> Plane:
    """Rows of light bricks, every second one shifted by half a brick, in dark mortar."""
    row = np.floor(1.6 * y)
    joint = (_part(x + 0.5 * _odd(row)) < 0.2) | (_part(1.6 * y) < 0.3)
    return np.where(joint, 0.0, 1.0)


def waves(x: Plane, y: Plane, inside: Plane, noise: Callable) -> Plane:
    """Soft bands that swing from side to side."""
    return _saw(x + 0.6 * _saw(0.6 * y))


def blocks(x: Plane, y: Plane, inside: Plane, noise: Callable) -> Plane:
    """A mosaic of squares, each of a lightness of its own."""
    return noise(np.floor(1.5 * x), np.floor(1.5 * y))


TEXTURES: dict[str, Callable[[Plane, Plane, Plane, Callable], Plane]] = {
    function.__name__: function for function in (gradient, grain, stripes, dots, checks, bricks, waves, blocks)
}


def _part(x: Plane) -> Plane:
    return x - np.floor(x)


def _odd(whole: Plane) -> Plane:
    return whole - 2 * np.floor(whole / 2)


def _saw(x: Plane) -> Plane:
    """0 to 1 and back in one period."""
    return np.abs(2 * _part(x) - 1)
