"""Pictures: a sequence of named pictures from a tensor, an array, a list or a folder, checked before anything is computed.

Values are checked here: a wrong range, dtype or shape raises an error that says what to do, so that the metrics need not
check values, which would make a GPU wait.
"""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from colorbench.files import PICTURE_ENDINGS, printable
from colorbench.photo import PhotoError, decode_image, decode_photo

WANTED = "a tensor, an array, a Pillow image, a path"
SLACK = 1e-3
"""How far float pictures may leave [0, 1] before they are refused; within it they are clipped."""


class Pictures:
    """Named pictures, read one at a time.

    Args:
        names: one per picture.
        read: index -> `(3, h, w)`, uint8 or float in [0, 1]; raises PhotoError when it gives no picture.
        stack: all of them as one tensor `(n, 3, h, w)`, when they are one.
        in_folder: the names are those of the files of a folder, by which pictures are matched.
    """

    def __init__(
        self,
        names: Sequence[str],
        read: Callable[[int], Tensor],
        stack: Tensor | None = None,
        in_folder: bool = False,
    ):
        self.names, self.read, self.stack, self.in_folder = list(names), read, stack, in_folder
        self.unreadable: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self.names)

    def batches(self, size: int) -> Iterator[tuple[list[int], Tensor]]:
        """Indices and pictures `(b, 3, h, w)`: neighbors of one size together; the unreadable are in `unreadable`."""
        if self.stack is not None:
            for start in range(0, len(self), size):
                batch = self.stack[start : start + size]
                yield list(range(start, start + len(batch))), batch
            return
        yield from self._batches_of_one_size(size)

    def _batches_of_one_size(self, size: int) -> Iterator[tuple[list[int], Tensor]]:
        self.unreadable.clear()
        indices: list[int] = []
        pictures: list[Tensor] = []
        for index, name in enumerate(self.names):
            try:
                picture = self.read(index)
            except PhotoError as error:
                self.unreadable[name] = str(error)
                continue
            if pictures and (len(pictures) == size or picture.shape != pictures[0].shape):
                yield indices, torch.stack(pictures)
                indices, pictures = [], []
            indices.append(index)
            pictures.append(picture)
        if pictures:
            yield indices, torch.stack(pictures)


def pictures_of(source, name: str) -> Pictures:
    """Pictures from whatever a user has.

    Args:
        source: a tensor or array (one picture or many, channels first or last, uint8 or float in [0, 1]), a Pillow image,
            the path of a file, a list of those (sizes may differ), or the path of a folder.
        name: what to call it in an error.
    """
    if isinstance(source, Pictures):
        return source
    if isinstance(source, str | Path) and not Path(source).is_file():
        return folder_pictures(source)
    if isinstance(source, str | Path | Image.Image):
        source = [source]
    if isinstance(source, Tensor | np.ndarray):
        stack = as_rgb(source, name)
        return Pictures([str(i) for i in range(len(stack))], stack.__getitem__, stack)
    if isinstance(source, Sequence):
        readers = [_reader(picture, f"{name}[{i}]") for i, picture in enumerate(source)]
        return Pictures([str(i) for i in range(len(readers))], lambda i: readers[i]())
    raise TypeError(f"{name} is a {type(source).__name__}, wanted {WANTED} or a list of them")


def _reader(source, name: str) -> Callable[[], Tensor]:
    """What reads one entry of a list: a file is opened when its turn comes, the rest is checked now."""
    if isinstance(source, str | Path):
        return partial(read_picture, Path(source))
    if isinstance(source, Image.Image):
        return partial(_of_pillow, source)
    if not isinstance(source, Tensor | np.ndarray):
        raise TypeError(f"{name} is a {type(source).__name__}, wanted {WANTED}")
    pictures = as_rgb(source, name)
    if len(pictures) != 1:
        raise ValueError(f"{name} holds {len(pictures)} pictures, wanted one per entry: pass one tensor instead")
    return lambda: pictures[0]


def _of_pillow(image: Image.Image) -> Tensor:
    return torch.from_numpy(decode_image(image)).movedim(-1, 0).contiguous()


def folder_pictures(folder: str | Path) -> Pictures:
    """The `picture_files` of a folder."""
    files = picture_files(folder)
    paths = list(files.values())
    return Pictures(list(files), lambda index: read_picture(paths[index]), in_folder=True)


def picture_files(folder: str | Path) -> dict[str, Path]:
    """The picture files of a folder (not of its subfolders) by the `matched_name` of their stems, sorted.

    Links that lead nowhere and what is no regular file are among them: reading one says so.

    Raises:
        ValueError: no folder, no pictures in it, or two with one stem.
    """
    folder = Path(folder)
    if not folder.is_dir():
        if folder.suffix.lower() in PICTURE_ENDINGS and not folder.exists():
            raise ValueError(f"{printable(folder)} does not exist: pass a picture, or the folder that holds them")
        raise ValueError(f"{printable(folder)} is not a folder: pass the folder that holds the pictures")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in PICTURE_ENDINGS or path.is_dir():
            continue
        stem = matched_name(path.stem)
        if stem in found:
            raise ValueError(
                f"{printable(folder)} holds both {printable(found[stem].name)} and {printable(path.name)}: "
                "pictures are matched by stem, keep one"
            )
        found[stem] = path
    if not found:
        raise ValueError(f"{printable(folder)} holds no pictures: wanted files ending in {' '.join(PICTURE_ENDINGS)}")
    return found


def matched_name(stem: str) -> str:
    """The name by which pictures are matched: composed Unicode (NFC), because one system writes names decomposed and another
    does not; bytes that are no UTF-8 are escaped."""
    return unicodedata.normalize("NFC", printable(stem))


def no_common_name(predictions: Pictures, photos: Pictures) -> ValueError:
    """The error for two folders that share no name."""
    first, second = (", ".join(each.names[:3]) + (" ..." if len(each) > 3 else "") for each in (predictions, photos))
    return ValueError(
        f"no prediction has the name of a reference: predictions {first}, references {second}; pictures are matched by "
        "file stem"
    )


def read_picture(path: Path) -> Tensor:
    """One file as uint8 `(3, h, w)`; PhotoError says why when it gives no picture."""
    return torch.from_numpy(decode_photo(path)).movedim(-1, 0).contiguous()


class OtherSize(ValueError):
    """A prediction is not of its photo's size, and resizing was not asked for."""


def at_size(pred: Tensor, size: tuple[int, ...], name: str, resize: bool) -> Tensor:
    """A prediction `(b, 3, h, w)`, floats, at its photo's size; of another size it is resized, or refused without `resize`."""
    if pred.shape[-2:] == size:
        return pred
    if not resize:
        raise OtherSize(
            f"prediction {name} is {pred.shape[-2]} x {pred.shape[-1]}, its reference {size[0]} x {size[1]}: "
            "save it at the reference's size, or ask for resizing (--resize, in Python resize=True)"
        )
    mode = {"mode": "bilinear", "antialias": True, "align_corners": False}
    return torch.nn.functional.interpolate(pred, tuple(size), **mode).clamp(0, 1)


def as_rgb(source: Tensor | np.ndarray, name: str) -> Tensor:
    """One picture or many as `(n, 3, h, w)`, uint8 or float32 in [0, 1]; raises ValueError for anything else."""
    pictures = _of_array(source, name) if isinstance(source, np.ndarray) else source.detach()
    shape = tuple(pictures.shape)
    if pictures.ndim == 3:
        pictures = pictures[None]
    if pictures.ndim == 4 and pictures.shape[1] != 3 and pictures.shape[-1] == 3:
        pictures = pictures.movedim(-1, 1)
    if pictures.ndim != 4 or pictures.shape[1] != 3 or 0 in pictures.shape[-2:]:
        raise ValueError(f"{name} has shape {shape}, wanted RGB pictures (n, 3, h, w) or (n, h, w, 3)")
    if pictures.dtype == torch.uint8:
        return pictures
    if not pictures.is_floating_point():
        raise ValueError(f"{name} is {pictures.dtype}, wanted uint8 (0..255) or float in [0, 1]: convert it first")
    return _in_range(pictures.float(), name)


def _of_array(array: np.ndarray, name: str) -> Tensor:
    """A tensor of the same numbers, whatever their byte order; an array that may not be written is copied."""
    if array.dtype.kind not in "buif":
        raise ValueError(f"{name} is an array of {array.dtype}, wanted uint8 (0..255) or float in [0, 1]")
    if array.dtype.itemsize > 8 and array.dtype.kind == "f":
        array = array.astype(np.float64)
    array = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
    return torch.as_tensor(array if array.flags.writeable else array.copy())


def _in_range(pictures: Tensor, name: str) -> Tensor:
    if pictures.numel() == 0:
        return pictures
    low, high = (x.item() for x in pictures.aminmax())
    if not (low >= -SLACK and high <= 1 + SLACK):
        cure = "map [-1, 1] by (x + 1) / 2" if -1 - SLACK <= low < 0 and high <= 1 + SLACK else "divide 0..255 by 255"
        if low != low or high != high:
            cure = "it holds NaN: check what produced it"
        raise ValueError(f"{name} has values {low:.4g} .. {high:.4g}, wanted float in [0, 1]: {cure}")
    return pictures.clamp(0, 1) if low < 0 or high > 1 else pictures
