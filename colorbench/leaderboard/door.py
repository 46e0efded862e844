"""What comes from strangers comes through here: names, sizes and kinds are checked before anything is read.

Nothing submitted is unpickled, imported or run; pictures go through the package's one decoder, tables through parquet,
weights are looked at as safetensors headers. A refusal (`Refused`) names the file and the reason.
"""

import json
import re
import stat
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

MOST_FILES = 100_000
MOST_BYTES = 8_000_000_000
MOST_RATIO = 200
"""Uncompressed over compressed size; PNG and parquet are compressed already, JSON reaches 20."""
MOST_JSON = 4_000_000
_MOST_HEADER = 100_000_000
LOCAL = (".lock", "log.txt", "training_state")
"""What a run leaves beside its record for itself: never read here, never published."""
ENDINGS = (".json", ".jsonl", ".parquet", ".png", ".safetensors", ".md", ".csv")
_NAME = re.compile(r"[A-Za-z0-9_@+.,=-][A-Za-z0-9_@+.,= -]{0,199}")


class Refused(ValueError):
    """This submission is not taken; the message names the file and says why."""


def submitted_files(folder: Path) -> Iterator[Path]:
    """Every plain file below `folder`. Raises Refused for links, devices, hidden or odd names, unknown kinds, floods."""
    count = size = 0
    if folder.is_symlink():
        raise Refused(f"{folder.name}: a symbolic link")
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            raise Refused(f"{name}: a symbolic link; hand in the file itself")
        if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
            raise Refused(f"{name}: neither a file nor a folder")
        if path.name in LOCAL:
            continue
        check_name(name)
        if stat.S_ISDIR(mode):
            continue
        if path.suffix.lower() not in ENDINGS:
            raise Refused(f"{name}: a record's folder holds {', '.join(ENDINGS)} files and no others")
        count, size = count + 1, size + path.stat().st_size
        if count > MOST_FILES or size > MOST_BYTES:
            raise Refused(f"more than {MOST_FILES} files or {MOST_BYTES / 1e9:g} GB")
        yield path


def check_name(name: str) -> None:
    """Raises Refused for a name that leaves its folder, hides, or holds more than letters, digits and `_@+.,=-`."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name) or ".." in parts:
        raise Refused(f"{name!r}: a path that leaves the folder")
    for part in parts:
        if not _NAME.fullmatch(part) or part.startswith("."):
            raise Refused(f"{name!r}: names are made of letters, digits and _@+.,=- (at most 200)")


def unpack(archive: Path, into: Path) -> Path:
    """Unpack a submitted .zip below `into`, every member checked first. Raises Refused, and leaves nothing, otherwise."""
    try:
        with zipfile.ZipFile(archive) as file:
            members = [
                member
                for member in file.infolist()
                if not member.is_dir() and PurePosixPath(member.filename).name not in LOCAL
            ]
            _check_members(members)
            for member in members:
                _extract(file, member, into / member.filename)
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise Refused(f"{archive.name}: not a zip archive that can be read ({error})") from None
    return into


def _check_members(members: list[zipfile.ZipInfo]) -> None:
    if len(members) > MOST_FILES or sum(member.file_size for member in members) > MOST_BYTES:
        raise Refused(f"more than {MOST_FILES} files or {MOST_BYTES / 1e9:g} GB when unpacked")
    for member in members:
        check_name(member.filename)
        if stat.S_ISLNK(member.external_attr >> 16):
            raise Refused(f"{member.filename}: a symbolic link inside the archive")
        if member.flag_bits & 1:
            raise Refused(f"{member.filename}: encrypted")
        if PurePosixPath(member.filename).suffix.lower() not in ENDINGS:
            raise Refused(f"{member.filename}: a submission holds {', '.join(ENDINGS)} files and no others")
        if member.file_size > MOST_RATIO * max(member.compress_size, 1024):
            raise Refused(f"{member.filename}: unpacks to {member.file_size} bytes from {member.compress_size}: a bomb")


def _extract(file: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    """At most as many bytes as the archive's directory promised, whatever the stream holds."""
    target.parent.mkdir(parents=True, exist_ok=True)
    left = member.file_size
    with file.open(member) as source, target.open("xb") as sink:
        while chunk := source.read(min(1 << 20, left + 1)):
            left -= len(chunk)
            if left < 0:
                raise Refused(f"{member.filename}: longer than its entry says")
            sink.write(chunk)


def check_safetensors(path: Path) -> dict:
    """The header of a safetensors file, read as JSON. Raises Refused for anything else, such as a renamed pickle."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 2 <= length <= min(size - 8, _MOST_HEADER):
            raise Refused(f"{path.name}: {_kind(start)}; checkpoints are safetensors, and nothing else is opened")
        raw = file.read(length)
    try:
        header = json.loads(raw)
        spans = sorted(tensor["data_offsets"] for name, tensor in header.items() if name != "__metadata__")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise Refused(f"{path.name}: no safetensors header") from None
    end = 0
    for span in spans:
        if len(span) != 2 or span[0] != end or span[1] < span[0]:
            raise Refused(f"{path.name}: tensors that overlap or leave holes")
        end = span[1]
    if 8 + length + end != size:
        raise Refused(f"{path.name}: {size} bytes, its header speaks of {8 + length + end}")
    return header


def _kind(start: bytes) -> str:
    if start.startswith(b"PK"):
        return "a zip or a torch pickle"
    return "a pickle" if start[:1] == b"\x80" else "not a safetensors file"
