"""What every part needs on disk: names of run files, picture endings, atomic writes, locks, hashes, names for folders.

The ground floor: imports only errors, and no torch.
"""

import hashlib
import os
import re
import shutil
import stat
import sys
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from io import BufferedReader
from pathlib import Path

from colorbench.errors import mistyped

RECORD = "record.json"  # written last: a cell with one is finished
SCORES = "scores.parquet"  # one row per test photo
CURVE = "curve.jsonl"
CHECKPOINT = "checkpoint.safetensors"
TRAINING_STATE = "training_state"  # what a killed cell resumes from
PREDICTIONS = "predictions"  # a folder of PNG files, one per test photo
SAMPLES = "samples.png"
PROGRESS = "progress.json"
JOB = "job.json"
LOG = "log.txt"  # a worker's own output
LOCK = ".lock"
TICKET = ".ticket"  # by which a worker elsewhere knows that it sees the same folder
CHECKED = ".checked"  # sizes and times of files that were compared with their hashes
SUITE = "suite.json"  # beside the cells of a suite
REFERENCES = "references"  # beside the cells: the true test photos as PNG files
STEP_TABLE = "step-table.json"

PICTURE_ENDINGS = (
    ".apng", ".avif", ".bmp", ".gif", ".heic", ".heif", ".hif", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".jpx",
    ".mpo", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tga", ".tif", ".tiff", ".webp",
)  # fmt: skip
"""Files that are looked at as pictures, everywhere. Compare with `path.suffix.lower()`."""

LONGEST_SLUG = 100

CONTROL_CHARACTERS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Characters that steer a terminal or turn the direction of writing, and bytes that are no text."""


class Busy(RuntimeError):
    """Another process holds the lock of this folder."""


def write_atomically(path: Path, content: bytes, durable: bool = True) -> None:
    """Write a temporary file beside `path`, fsync it, rename it, fsync the folder.

    Args:
        path: where to write; missing parent folders are made.
        content: the whole file.
        durable: False leaves out fsync, for files that can be made again.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".part-")
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), 0o666 & ~_umask())  # mkstemp makes files that only their owner may read
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    if durable:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def write_run_file(path: Path, content: bytes, durable: bool = True) -> None:
    """`write_atomically` for a file that belongs to a run: whatever else holds its name, such as a folder, is removed."""
    clear_for_file(path)
    write_atomically(path, content, durable)


def clear_for_file(path: Path) -> None:
    """Remove what holds this name, unless it is a regular file or a link to one."""
    if os.path.lexists(path) and not path.is_file():  # in this order: another process may just write it
        remove(path)


def remove(path: Path) -> None:
    """Remove what holds this name, if anything does: a folder with all it holds; of a link, only the link."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)  # what stays is named by the write that follows
    else:
        path.unlink(missing_ok=True)


@contextmanager
def hold(folder: Path, timeout_seconds: float = 0.5) -> Iterator[None]:
    """Lock this folder for one process. The system releases it when the process dies, however it dies.

    Raises:
        Busy: another process has held it for `timeout_seconds` (`is_held` in another process holds it for a moment).
        OSError: the file system cannot lock files.
    """
    from filelock import Timeout

    folder.mkdir(parents=True, exist_ok=True)
    try:
        lock = _lock(folder, timeout_seconds)
    except Timeout:
        raise Busy(f"{folder.parent.name}/{folder.name} is being run by another process") from None
    try:
        yield
    finally:
        lock.release()


def is_held(folder: Path) -> bool:
    """Whether a process works in this folder now."""
    from filelock import Timeout

    if not (folder / LOCK).exists():
        return False
    try:
        _lock(folder, 0.0).release()
    except Timeout:
        return True
    except PermissionError:  # a folder of somebody else, or a read-only copy
        return False
    return False


def cache_folder(cache_dir: str | Path | None = None) -> Path:
    """Where decoded photos, their features and compiled kernels are kept.

    The argument, COLORBENCH_CACHE, or this system's cache folder.
    """
    if cache_dir is not None:
        return Path(cache_dir)
    if chosen := os.environ.get("COLORBENCH_CACHE"):
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "colorbench"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "colorbench"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "colorbench"


@contextmanager
def open_regular(path: Path) -> Iterator[BufferedReader]:
    """Open a file to read. Raises OSError for what is no regular file: a named pipe would be waited for without end."""
    number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise OSError(f"{printable(path)} is no regular file: remove it")
    with os.fdopen(number, "rb") as file:
        yield file


def read_file(path: Path) -> bytes:
    """The content of a file. Raises OSError as `open_regular`."""
    with open_regular(path) as file:
        return file.read()


def bytes_sha256(content: bytes | memoryview) -> str:
    """The hash by which a record names a file's content, as hex digits."""
    return hashlib.sha256(content).hexdigest()


def file_sha256(path: Path) -> str:
    """`bytes_sha256` of a file, read in pieces. Raises OSError as `open_regular`."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def sources_sha256(*folders: str) -> str:
    """One hash over the modules in these folders of the package, and over `tensors`: the name of what they computed."""
    root = Path(__file__).parent
    files = sorted([*(path for folder in folders for path in root.glob(f"{folder}/*.py")), root / "tensors.py"])
    return bytes_sha256(b"\0".join(path.read_bytes() for path in files))


def pictures_sha256(pictures: Iterable[tuple[str, bytes]]) -> str:
    """One hash over many pictures, each a name and its pixels: of sorted lines `name sha256-of-pixels`.

    The same pictures give the same hash, however their files are packed.
    """
    lines = sorted(f"{name} {bytes_sha256(pixels)}" for name, pixels in pictures)
    return bytes_sha256("\n".join(lines).encode())


def slug(text: str) -> str:
    """A loss expression or a name as part of a file name; a long one is cut and ends in a checksum of the whole.

    >>> slug("100*l1 + patchgan(mode='hinge')")
    '100xl1+patchgan-mode-hinge'
    """
    compact = re.sub(r"\s", "", text).replace("*", "x")
    plain = re.sub(r"-+", "-", re.sub(r"[^a-zA-Z0-9.+-]", "-", compact)).replace("-+", "+").strip("-").lower()
    if len(plain) <= LONGEST_SLUG:
        return plain
    return f"{plain[: LONGEST_SLUG - 9]}-{zlib.crc32(compact.encode()):08x}"


def names_folder(source: str | Path) -> bool:
    """Whether a source of photos is the path of a folder, there or not, rather than a dataset's id on the hub (OWNER/NAME).

    >>> [names_folder(source) for source in ("photos", "./photos", "a/b/c", "owner/name", "owner/name@v1")]
    [True, True, True, False, False]
    """
    path, text = Path(source).expanduser(), str(source)
    if path.exists() or text.startswith((".", "/", "~")) or not re.fullmatch(r"[\w.-]+/[\w.-]+(@.+)?", text):
        return True
    return path.parent.is_dir()


def existing_folder(source: str | Path | None) -> Path:
    """The folder that a source of photos names.

    Raises:
        FileNotFoundError, NotADirectoryError: no such folder.
        ValueError: no source.
    """
    if source is None:
        raise ValueError("this dataset needs a folder of pictures: give it with --data (in Python: source)")
    root = Path(source).expanduser()
    if not root.exists():
        hub = "" if str(source).startswith((".", "/", "~")) else " (a Hugging Face dataset is written OWNER/NAME)"
        raise FileNotFoundError(f"no such folder of pictures: {printable(root)}{hub}{mistyped(root)}")
    if not root.is_dir():
        raise NotADirectoryError(f"{printable(root)} is a file; give the folder that holds the pictures")
    return root


def printable(name: str | Path) -> str:
    """A file name for messages, records and pages: one line of valid Unicode, whatever bytes the name has.

    >>> printable("two\\nlines.png")
    'two\\\\nlines.png'
    """
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def escape_controls(text: str) -> str:
    """Text of a stranger for a terminal or a page: what would steer it is written out.

    >>> escape_controls("\x1b[2Jred")
    '\\\\x1b[2Jred'
    """
    return CONTROL_CHARACTERS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _lock(folder: Path, timeout_seconds: float):
    from filelock import FileLock

    lock = FileLock(folder / LOCK, timeout=timeout_seconds, poll_interval=0.02)
    try:
        lock.acquire()
    except NotImplementedError:
        raise OSError(
            f"the file system of {folder} cannot lock files: mount it with flock, or choose another --out"
        ) from None
    return lock


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
