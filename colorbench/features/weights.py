"""Where pretrained weights come from: the folder COLORBENCH_WEIGHTS, torch's hub cache, or one quick download.

Nothing here waits for a network that is not there: a download that fails says so at once, is not tried again in this
process, and costs at most a few seconds.
"""

import os
import re
import socket
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from colorbench.files import file_sha256

CONNECT_SECONDS = 5.0

_failed_downloads: dict[str, str] = {}


class WeightsMissing(RuntimeError):
    """Pretrained weights are not on this machine and could not be fetched. The message is one line: what, and how."""


@dataclass(frozen=True)
class WeightFile:
    """One published state dict.

    Args:
        name: the network, as `load_features` calls it.
        url: where it is published; its last part is the file's name in torch's hub cache.
        megabytes: size of that download.
        aliases: other file names the same weights go by in a COLORBENCH_WEIGHTS folder.
        sha256: of the published file, if any other is to be refused; "" takes what is there.
    """

    name: str
    url: str
    megabytes: int | float
    aliases: tuple[str, ...] = ()
    sha256: str = ""

    @property
    def file_name(self) -> str:
        return self.url.rsplit("/", 1)[-1]


def weights_folder() -> Path | None:
    """The folder named by the environment variable COLORBENCH_WEIGHTS, or None."""
    folder = os.environ.get("COLORBENCH_WEIGHTS")
    return Path(folder).expanduser() if folder else None


def hub_folder() -> Path:
    """Torch's own cache of downloaded weights."""
    return Path(torch.hub.get_dir()) / "checkpoints"


def candidates(file: WeightFile, features_only: bool = True) -> Iterator[Path]:
    """Every local path these weights may have, in the order they are tried."""
    folder = weights_folder()
    names = (*file.aliases, file.file_name) if features_only else (file.file_name,)
    if folder is not None:
        yield from (folder / name for name in names)
    yield hub_folder() / file.file_name


def find_weights(file: WeightFile, *, features_only: bool = True) -> Path:
    """The path of these weights: found on this machine, or downloaded into torch's hub cache.

    Args:
        file: which weights.
        features_only: whether a file that holds the convolutions without the classifier will do.

    Raises:
        WeightsMissing: when they are nowhere and cannot be fetched, or a file is another than the published one.
    """
    here = (path for path in candidates(file, features_only) if path.is_file())
    path = next(here, None) or _download(file)
    if file.sha256 and (found := file_sha256(path)) != file.sha256:
        raise WeightsMissing(
            f"{path} has sha256 {found[:12]}, the published file {file.sha256[:12]}: replace it (from {file.url})"
        )
    return path


def read_state(path: Path) -> Mapping[str, Tensor]:
    """The state dict in this file, loaded without running anything in it."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise WeightsMissing(
            f"the weights in {path} cannot be read ({type(error).__name__}): delete the file and fetch it again"
        ) from error


def _download(file: WeightFile) -> Path:
    limit = _download_limit()
    if file.megabytes > limit:
        raise WeightsMissing(
            f"{file.name} weights are a download of {file.megabytes:g} MB, over COLORBENCH_DOWNLOAD_MB={limit:g}: "
            f"{_cure(file)}, or raise the limit"
        )
    if file.url in _failed_downloads:
        raise WeightsMissing(_failed_downloads[file.url])
    try:
        return _fetch(file)
    except (OSError, ValueError, RuntimeError) as error:
        message = f"{file.name} weights could not be downloaded ({error}): {_cure(file)}"
        _failed_downloads[file.url] = " ".join(message.split())
        raise WeightsMissing(_failed_downloads[file.url]) from error


def _download_limit() -> float:
    """Megabytes a download may have: COLORBENCH_DOWNLOAD_MB, or no limit."""
    limit = os.environ.get("COLORBENCH_DOWNLOAD_MB", "inf")
    try:
        return float(limit)
    except ValueError:
        raise ValueError(f"COLORBENCH_DOWNLOAD_MB is {limit!r}, wanted a number of megabytes") from None


def _cure(file: WeightFile) -> str:
    return f"put {file.file_name} (from {file.url}) into the folder that COLORBENCH_WEIGHTS names"


def _fetch(file: WeightFile) -> Path:
    """Download with torch's own function, which compares the hash that the file's name carries."""
    path = hub_folder() / file.file_name
    path.parent.mkdir(parents=True, exist_ok=True)
    digits = re.search(r"-([0-9a-f]{8,})\.pth$", file.file_name)
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(CONNECT_SECONDS)  # torch's function has no timeout of its own
    try:
        torch.hub.download_url_to_file(file.url, str(path), digits[1] if digits else None, progress=sys.stderr.isatty())
    finally:
        socket.setdefaulttimeout(before)
    return path
