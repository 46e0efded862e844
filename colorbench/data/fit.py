"""A photo of any size -> square pictures of one size: crop, squash or tiles. Lanczos, antialiased, on sRGB values.

`crop`: the centered square, scaled. `squash`: both sides become the size (the "direct resize"
of COCO-Stuff protocols). `tiles`: the short side becomes `tile_short_px`, then as many whole tiles as fit, centered.
"""

from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from colorbench.photo import Photo8, PhotoError

FITS = ("crop", "squash", "tiles")
_TILES_ALONG = 5  # short side of a tiled photo, in tiles, when nothing else is said
_VERSION = 1  # of fit and resize; part of the data hash


@dataclass(frozen=True)
class Preprocessing:
    """How pixels are made; part of the store's key and of the data hash.

    Attributes:
        size_px: side of a test picture, and of a training picture unless `store_px` says more.
        store_px: side of a stored training picture: the margin from which random crops are cut.
        tile_short_px: short side to which a photo is scaled before it is cut into tiles.
        min_px: photos with a shorter short side are refused by name.
        half: "left" or "right" for side-by-side pictures, "" for plain photos.
    """

    fit: str
    size_px: int
    store_px: int
    tile_short_px: int
    min_px: int
    half: str = ""
    filter: str = "lanczos"
    version: int = _VERSION

    def side_px(self, side: str) -> int:
        """Side of a stored picture of "train" or "test"."""
        return self.store_px if side == "train" else self.size_px

    def least_px(self, side: str) -> int:
        """The short side that the photo is scaled to."""
        return self.tile_short_px if self.fit == "tiles" else self.side_px(side)

    def canonical(self) -> dict:
        """Names and numbers, for hashing."""
        return asdict(self)


def make_preprocessing(
    fit: str, size_px: int, *, store_px: int | None, tile_short_px: int | None, min_px: int | None, half: str
) -> Preprocessing:
    """The settings with their defaults filled in, checked."""
    if fit not in FITS:
        raise ValueError(f"unknown fit {fit!r}; known: {', '.join(FITS)}")
    if size_px < 8:
        raise ValueError(f"size_px {size_px} is too small: use at least 8")
    store_px = size_px if store_px is None else store_px
    if store_px < size_px or (fit == "tiles" and store_px != size_px):
        raise ValueError(f"store_px {store_px} must be at least size_px {size_px}, and equal to it for tiles")
    short = 0
    if fit == "tiles":
        short = _TILES_ALONG * size_px if tile_short_px is None else tile_short_px
        if short < size_px:
            raise ValueError(f"tile_short_px {short} must hold at least one tile of {size_px} px")
    return Preprocessing(fit, size_px, store_px, short, max(short, size_px) // 2 if min_px is None else min_px, half)


def fit_photo(photo: Photo8, settings: Preprocessing, side: str) -> UInt8[np.ndarray, "k 3 s s"]:
    """The pictures that one photo gives: one, or its tiles.

    Raises:
        PhotoError: the photo is too small.
    """
    height, width = photo.shape[:2]
    if min(height, width) < settings.min_px:
        raise PhotoError(f"too small: {width} x {height}, the short side must have at least {settings.min_px} px")
    size = settings.side_px(side)
    if settings.fit == "squash":
        pictures = _resized(photo, size, size)[None]
    elif settings.fit == "crop":
        pictures = _center_square(photo, size)[None]
    else:
        pictures = _tiles(_scaled(photo, settings.tile_short_px), size)
    return np.ascontiguousarray(pictures.transpose(0, 3, 1, 2))


def _scaled(photo: np.ndarray, short_px: int) -> np.ndarray:
    height, width = photo.shape[:2]
    scale = short_px / min(height, width)
    return _resized(photo, max(short_px, round(width * scale)), max(short_px, round(height * scale)))


def _resized(photo: np.ndarray, width: int, height: int) -> np.ndarray:
    if photo.shape[:2] == (height, width):
        return photo
    return np.asarray(Image.fromarray(photo).resize((width, height), Image.Resampling.LANCZOS))


def _center_square(photo: np.ndarray, size: int) -> np.ndarray:
    height, width = photo.shape[:2]
    short = min(height, width)
    left, top = (width - short) / 2, (height - short) / 2
    square = (left, top, left + short, top + short)
    return np.asarray(Image.fromarray(photo).resize((size, size), Image.Resampling.LANCZOS, box=square))


def _middle(photo: np.ndarray, height: int, width: int) -> np.ndarray:
    top, left = (photo.shape[0] - height) // 2, (photo.shape[1] - width) // 2
    return photo[top : top + height, left : left + width]


def _tiles(photo: np.ndarray, size: int) -> np.ndarray:
    rows, columns = photo.shape[0] // size, photo.shape[1] // size
    whole = _middle(photo, rows * size, columns * size)
    tiles = whole.reshape(rows, size, columns, size, 3).swapaxes(1, 2)
    return tiles.reshape(rows * columns, size, size, 3)
