"""Files that are either whole or absent, and disk errors as sentences."""

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Temporary file, fsync, rename: a reader sees the old content or the new, a kill leaves no half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            sync(file)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def sync(file) -> None:
    """Everything written so far is on the disk."""
    file.flush()
    os.fsync(file.fileno())


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """A full or unwritable disk as a sentence that says what to do."""
    try:
        yield
    except OSError as error:
        if _CURE in str(error):
            raise
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OSError(
                errno.ENOSPC, f"the disk is full: no room for decoded photos; {_CURE}", str(folder)
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise PermissionError(error.errno, f"cannot write decoded photos; {_CURE}", str(folder)) from error
        raise


def need_room(folder: Path, needed_bytes: int) -> None:
    """Refuses before the first byte when the disk cannot hold them."""
    free = shutil.disk_usage(folder).free
    if needed_bytes > free:
        raise OSError(
            errno.ENOSPC,
            f"decoded photos need {needed_bytes / 1e9:.2f} GB, {free / 1e9:.2f} GB are free; {_CURE}",
            str(folder),
        )


_CURE = "free some, or set COLORBENCH_CACHE to a folder on another disk"
