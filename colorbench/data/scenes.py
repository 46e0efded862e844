"""One generated scene: a background and two to five objects, each of a material with a texture and a mixture of colors.

Everything follows from (seed, index) by integers and float64 + - * / and square root, which every machine rounds alike:
the raw stream of PCG64 (its numbers are fixed across versions of numpy), and a table of thresholds for sRGB's curve.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

import numpy as np

from colorbench.color.lab import LINEAR_FROM_CUBES as _LINEAR_FROM_CUBES
from colorbench.color.mixture import Mixture

LIGHTNESS = (42.0, 74.0)
"""Where every shipped mode lies inside sRGB, three standard deviations of jitter around it too."""
OBJECTS = (2, 5)
LINEAR_FROM_CUBES = tuple(tuple(round(part, 10) for part in row) for row in _LINEAR_FROM_CUBES)
"""Rounded: the inverse of a matrix differs in its last bit between machines."""
_CONTRAST = (8.0, 12.0)  # largest distance from an object's middle lightness
_PERIOD = (0.11, 0.15)  # of a texture, as a share of the picture's side
_RADIUS = (0.16, 0.32)
_CENTER = (0.12, 0.88)
_SIDES: dict[int | str, tuple[tuple[float, float], ...]] = {  # unit normals of regular polygons
    3: ((0.0, 1.0), (0.8660254037844386, -0.5), (-0.8660254037844386, -0.5)),
    5: (
        (0.0, 1.0),
        (0.9510565162951535, 0.30901699437494745),
        (0.5877852522924731, -0.8090169943749475),
        (-0.5877852522924731, -0.8090169943749475),
        (-0.9510565162951535, 0.30901699437494745),
    ),
    6: (
        (0.0, 1.0),
        (0.8660254037844386, 0.5),
        (0.8660254037844386, -0.5),
        (0.0, -1.0),
        (-0.8660254037844386, -0.5),
        (-0.8660254037844386, 0.5),
    ),
}
_APOTHEM: dict[int | str, float] = {3: 0.55, 5: 0.8, 6: 0.85}
_SHAPES = ("ellipse", "rectangle", 3, 5, 6)


@dataclass(frozen=True)
class Material:
    """What an object is made of. `texture` is a key of TEXTURES; the mixture is hidden from every generator."""

    name: str
    texture: str
    mixture: Mixture

    def __post_init__(self):
        if self.texture not in TEXTURES:
            raise ValueError(
                f"material {self.name}: unknown texture {self.texture!r}; known textures: {', '.join(TEXTURES)}"
            )


@dataclass(frozen=True, eq=False)
class Scene:
    """One picture and what it was made of.

    Attributes:
        pixels: uint8 `(3, s, s)`, sRGB.
        objects: uint8 `(s, s)`, number of the object at each pixel, 0 is the background.
        materials: per object, its place in the list of materials.
        modes: per object, which mode of its material was drawn.
    """

    pixels: np.ndarray
    objects: np.ndarray
    materials: tuple[int, ...]
    modes: tuple[int, ...]

    @property
    def material_map(self) -> np.ndarray:
        """uint8 `(s, s)`, the material at each pixel."""
        return np.array(self.materials, dtype=np.uint8)[self.objects]


def draw_scene(seed: int, index: int, size_px: int, materials: tuple[Material, ...]) -> Scene:
    """The scene of this number; the layout does not depend on its size."""
    draws = _Draws(seed, index)
    count = OBJECTS[0] + draws.below(OBJECTS[1] - OBJECTS[0] + 1)
    chosen = draws.some(len(materials), min(count + 1, len(materials)))
    places = (np.arange(size_px) + 0.5) / size_px
    x, y = np.meshgrid(places, places)
    objects = np.zeros((size_px, size_px), dtype=np.uint8)
    planes, modes = np.empty((3, size_px, size_px)), []
    for number, place in enumerate(chosen):
        frame = _Frame(draws, whole=number == 0)
        texture = frame.texture_of(materials[place].texture, x, y)
        mode, ab = _draw_color(draws, materials[place].mixture)
        modes.append(mode)
        where = frame.covers(x, y)
        objects[where] = number
        contrast = draws.between(*_CONTRAST)
        middle = draws.between(LIGHTNESS[0] + contrast, LIGHTNESS[1] - contrast)
        fy = (middle + contrast * (2 * texture[where] - 1) + 16) / 116
        for plane, part in zip(planes, (fy + ab[0] / 500, fy, fy - ab[1] / 200)):
            plane[where] = part
    return Scene(_to_srgb(planes), objects, chosen, tuple(modes))


def _draw_color(draws: "_Draws", mixture: Mixture) -> tuple[int, tuple[float, float]]:
    mode = draws.choice(mixture.weights)
    jitter = mixture.jitter * draws.normal(), mixture.jitter * draws.normal()
    return mode, (mixture.modes[mode][0] + jitter[0], mixture.modes[mode][1] + jitter[1])


class _Draws:
    """Random numbers of one scene, from PCG64's raw 64-bit words."""

    def __init__(self, *key: int):
        self._words = np.random.PCG64(np.random.SeedSequence(key)).random_raw(256)
        self._next = 0

    def word(self) -> int:
        self._next += 1
        return int(self._words[self._next - 1])

    def unit(self) -> float:
        return (self.word() >> 11) * 2.0**-53

    def below(self, count: int) -> int:
        return int(self.unit() * count)

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.unit()

    def normal(self) -> float:
        """The sum of twelve uniform numbers less 6: mean 0, standard deviation 1."""
        return sum(self.unit() for _ in range(12)) - 6.0

    def choice(self, weights: tuple[float, ...]) -> int:
        left = self.unit()
        for place, weight in enumerate(weights[:-1]):
            if left < weight:
                return place
            left -= weight
        return len(weights) - 1

    def some(self, of: int, count: int) -> tuple[int, ...]:
        """`count` different numbers below `of`, in random order."""
        left = list(range(of))
        return tuple(left.pop(self.below(len(left))) for _ in range(count))

    def direction(self) -> tuple[float, float]:
        """A unit vector: a point of the square beside the middle, scaled."""
        x, y = self.between(-1.0, 1.0), self.between(-1.0, 1.0)
        length = float(np.sqrt(x * x + y * y))
        return (x / length, y / length) if length > 0.01 else (1.0, 0.0)


class _Frame:
    """Where an object is, how it is turned, and how its texture is turned, shifted and scaled."""

    def __init__(self, draws: _Draws, whole: bool):
        self.shape = "whole" if whole else _SHAPES[draws.below(len(_SHAPES))]
        self.center = (0.5, 0.5) if whole else (draws.between(*_CENTER), draws.between(*_CENTER))
        self.radii = (0.7, 0.7) if whole else (draws.between(*_RADIUS), draws.between(*_RADIUS))
        self.turn, self.texture_turn = draws.direction(), draws.direction()
        self.period = draws.between(*_PERIOD)
        self.shift, self.salt = (draws.unit(), draws.unit()), draws.word()

    def covers(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Which pixels the object covers, if nothing lies in front of it."""
        if self.shape == "whole":
            return np.ones(x.shape, dtype=bool)
        u, v = _turned(x - self.center[0], y - self.center[1], self.turn)
        u, v = u / self.radii[0], v / self.radii[1]
        if self.shape == "ellipse":
            return u * u + v * v <= 1
        if self.shape == "rectangle":
            return (np.abs(u) <= 0.85) & (np.abs(v) <= 0.85)
        sides, reach = _SIDES[self.shape], _APOTHEM[self.shape]
        return np.logical_and.reduce([normal[0] * u + normal[1] * v <= reach for normal in sides])

    def texture_of(self, name: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The texture at every pixel, in [0, 1]."""
        u, v = _turned(x - self.center[0], y - self.center[1], self.texture_turn)
        inside = u / (self.radii[0] if self.radii[0] > self.radii[1] else self.radii[1])
        return TEXTURES[name](
            u / self.period + self.shift[0], v / self.period + self.shift[1], inside, _noise(self.salt)
        )


def _turned(x: np.ndarray, y: np.ndarray, direction: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    c, s = direction
    return x * c + y * s, y * c - x * s


def _noise(salt: int) -> Callable:
    """`(column, row) -> [0, 1)`, one number per cell: the finalizer of SplitMix64 over its place and the salt."""

    def noise(column: np.ndarray, row: np.ndarray) -> np.ndarray:
        x = column.astype(np.int64).astype(np.uint64) * _ODD[0] + row.astype(np.int64).astype(np.uint64) * _ODD[1]
        x = x + np.uint64(salt)
        x = (x ^ (x >> np.uint64(30))) * _ODD[2]
        x = (x ^ (x >> np.uint64(27))) * _ODD[3]
        return ((x ^ (x >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    return noise


_ODD = np.array([0x9E3779B97F4A7C15, 0xD1B54A32D192ED03, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB], dtype=np.uint64)


def _to_srgb(planes: np.ndarray) -> np.ndarray:
    """CIE's f of X, Y and Z `(3, s, s)`, all above its knee, to sRGB, uint8; rounded to the nearest code."""
    fx, fy, fz = planes
    cubes = fx * fx * fx, fy * fy * fy, fz * fz * fz
    linear = [x * row[0] + y * row[1] + z * row[2] for row in LINEAR_FROM_CUBES for x, y, z in (cubes,)]
    return np.stack([np.searchsorted(_thresholds(), channel, side="right") for channel in linear]).astype(np.uint8)


@lru_cache(maxsize=1)
def _thresholds() -> np.ndarray:
    """Linear light halfway (in code) between each two neighboring 8-bit codes, by decimal arithmetic."""
    codes = [(Decimal(2 * k + 1) / 2) / 255 for k in range(255)]
    knee, power = Decimal("0.04045"), Decimal("2.4")
    light = [
        code / Decimal("12.92") if code <= knee else ((code + Decimal("0.055")) / Decimal("1.055")) ** power
        for code in codes
    ]
    return np.array([float(value) for value in light])


# Textures of lightness, by which a material is recognized from gray alone: functions `(x, y, inside, noise) -> t`, t in [0, 1],
# `(s, s)`. x and y are the places of the pixels in the texture's own turned and shifted frame, in periods; `inside` is their
# place within the object, -1 to 1 along its direction; `noise(column, row)` gives each cell of whole numbers its number in
# [0, 1). Only + - * /, floor and comparison: the same bytes on every machine.

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
