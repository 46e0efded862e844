"""Read untrusted files: names, sizes and kinds are checked before a file is opened, contents before they are used.

Nothing submitted is unpickled, imported or run. Pictures go through the package's one decoder, tables through parquet,
weights are looked at as safetensors headers, curves line by line. A refusal (`Refused`) names the file and the reason.
"""

import importlib
import io
import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from colorbench.files import CHECKED, LOCK, LOG, TICKET, TRAINING_STATE, pictures_sha256, printable, read_file
from colorbench.photo import PhotoError, decode_photo

MOST_FILES = 100_000
MOST_BYTES = 8_000_000_000
MOST_ROWS = 200_000
"""A table of scores has one row per test photo; the largest published test set has 50 000."""
MOST_COLUMNS = 200
MOST_TABLE_BYTES = 400_000_000
MOST_CURVE_BYTES = 20_000_000
MOST_LINE_BYTES = 20_000
LARGEST = 1e30
"""No number in an entry is larger, in either direction: sums and squares of them stay finite."""
LARGEST_INTEGER = 2**53
"""Beyond it neither JavaScript nor float64 counts exactly, and a column of a table overflows not far above."""
LOCAL = (CHECKED, LOCK, LOG, TICKET, TRAINING_STATE)
"""Working files of a run beside its record: never read here, never published."""
ENDINGS = (".json", ".jsonl", ".parquet", ".png", ".safetensors", ".md", ".csv")
_LONGEST_NAME = 200
METRIC = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
_NAME = re.compile(r"[A-Za-z0-9_@+.,=-][A-Za-z0-9_@+.,= -]{0,199}")


class Refused(ValueError):
    """This submission is refused; the message names the file and the reason."""


def submitted_files(folder: Path) -> Iterator[Path]:
    """Every plain file below `folder`. Raises Refused for links, devices, hidden or odd names, unknown kinds, or too much."""
    count = size = 0
    if folder.is_symlink():
        raise Refused(f"{folder.name}: a symbolic link")
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            raise Refused(f"{name}: a symbolic link; submit the file itself")
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


def plain_file(path: Path) -> bool:
    """Whether `path` is a regular file, and neither it nor its folder is a link."""
    return not path.is_symlink() and not path.parent.is_symlink() and path.is_file()


def read_scores(path: Path):
    """The scores of every photo at `path`: a DataFrame, indexed by photo, of float columns and perhaps `color_only`.

    Raises:
        Refused: not a parquet table, too long or wide, photos without a name or twice, columns of the wrong kind.
    """
    place = _place(path)
    try:
        table = _read_table(path)
    except Refused as error:
        raise Refused(f"{place}: {error}") from None
    except Exception as error:  # a decoder gets arbitrary bytes: ArrowException, OSError, TypeError, KeyError ...
        raise Refused(f"{place}: not a parquet table ({str(error)[:200] or type(error).__name__})") from None
    return table


def _place(path: Path) -> str:
    """A file of a run, by its entry and its seed."""
    return printable("/".join(path.parts[-3:]))


def _read_table(path: Path):
    import numpy as np
    import pyarrow.parquet as parquet

    content = _table_bytes(path)
    file = parquet.ParquetFile(io.BytesIO(content))  # pyarrow takes no path that is not UTF-8
    facts = file.metadata
    groups = [facts.row_group(k) for k in range(min(facts.num_row_groups, 1000))]
    rows = max(facts.num_rows, sum(group.num_rows for group in groups))
    if not 0 <= rows <= MOST_ROWS or facts.num_row_groups > 1000:
        raise Refused(f"{rows} rows; a table of scores has at most {MOST_ROWS}")
    if facts.num_columns > MOST_COLUMNS or sum(group.total_byte_size for group in groups) > MOST_TABLE_BYTES:
        raise Refused(f"more than {MOST_COLUMNS} columns or {MOST_TABLE_BYTES / 1e6:g} MB")
    _check_columns(file.schema_arrow)
    # names as numbers of a dictionary: spelled out, 20 bytes of a long name for every row can be gigabytes
    arrow = parquet.ParquetFile(io.BytesIO(content), read_dictionary=["photo"]).read()
    _check_names(arrow["photo"])
    table = arrow.to_pandas(ignore_metadata=True).astype({"photo": object}).set_index("photo")
    if table.index.hasnans or not table.index.is_unique:
        raise Refused("a photo stands in two rows, or has no name")
    if wrong := next((name for name in table.index if not _NAME.fullmatch(name)), None):
        raise Refused(f"{wrong[:40]!r} is not the name of a photo: letters, digits and _@+.,=- (at most 200)")
    if "color_only" in table.columns and table["color_only"].dtype != bool:
        raise Refused("column color_only has gaps; it is true or false for every photo")
    numbers = [name for name in table.columns if name != "color_only"]
    values = table[numbers].to_numpy(float)
    if (np.abs(values[np.isfinite(values)]) > LARGEST).any():
        raise Refused(f"a number beyond {LARGEST:g}")
    return table.astype(dict.fromkeys(numbers, float))


def _check_names(photos) -> None:
    """Refuse photos with names of more than 200 letters before they are spelled out."""
    compute: Any = importlib.import_module("pyarrow.compute")  # whose functions are made at run time
    for chunk in photos.chunks:
        names = chunk.dictionary if hasattr(chunk, "dictionary") else chunk
        longest = compute.max(compute.binary_length(names)).as_py() or 0
        if longest > _LONGEST_NAME:
            raise Refused(f"a photo's name of {longest} bytes; names have at most {_LONGEST_NAME}")


def read_table(path: Path):
    """A parquet table that is no table of scores, as a DataFrame. Raises Refused, which names the file, when it is damaged."""
    import pandas as pd

    content = _table_bytes(path)
    try:
        return pd.read_parquet(io.BytesIO(content))
    except Exception as error:  # as in `read_scores`
        raise Refused(f"{_place(path)} is damaged ({str(error)[:200] or type(error).__name__})") from None


def _table_bytes(path: Path) -> bytes:
    size = path.stat().st_size
    if size > MOST_TABLE_BYTES:
        raise Refused(f"{size} bytes; a table of scores has at most {MOST_TABLE_BYTES}")
    return read_file(path)


def _check_columns(schema) -> None:
    from pyarrow import types

    if len(set(schema.names)) < len(schema.names):
        raise Refused("two columns of one name")
    if "photo" not in schema.names:
        raise Refused(f"no column `photo`; it has {schema.names[:8]}")
    kinds = {field.name: field.type for field in schema}
    photo = kinds.pop("photo")
    if not (types.is_string(photo) or types.is_large_string(photo)):
        raise Refused(f"column photo holds {photo}; it holds names")
    if not types.is_boolean(kinds.pop("color_only", _boolean())):
        raise Refused("column color_only holds values other than true and false")
    if wrong := [name for name in kinds if not METRIC.fullmatch(name)]:
        raise Refused(f"{wrong[0][:40]!r} is not the name of a metric")
    wrong = [name for name, kind in kinds.items() if not (types.is_floating(kind) or types.is_integer(kind))]
    if wrong:
        raise Refused(f"columns {wrong[:5]} hold no numbers")


def _boolean():
    import pyarrow

    return pyarrow.bool_()


def read_curve(path: Path) -> list[dict[str, Any]]:
    """The lines of `curve.jsonl`: each a flat object with a `step` that never falls, and finite numbers.

    A last line that was torn by a kill is left out.

    Raises:
        Refused: too large, not JSON, nested deeper than `parts`, a number that is not finite, a step that goes back.
    """
    place, size = _place(path), path.stat().st_size
    if size > MOST_CURVE_BYTES:
        raise Refused(f"{place}: {size} bytes; a curve has at most {MOST_CURVE_BYTES}")
    lines: list[dict[str, Any]] = []
    texts = read_file(path).split(b"\n")
    last_step = 0
    for number, text in enumerate(texts, 1):
        if not text.strip():
            continue
        try:
            line = _curve_line(text)
        except Refused as error:
            if number == len(texts):  # every whole line ends in a line feed
                continue
            raise Refused(f"{place}, line {number}: {error}") from None
        if line["step"] < last_step:
            raise Refused(f"{place}, line {number}: step {line['step']} after step {last_step}")
        last_step = line["step"]
        lines.append(line)
    return lines


def _curve_line(text: bytes) -> dict[str, Any]:
    if len(text) > MOST_LINE_BYTES:
        raise Refused(f"longer than {MOST_LINE_BYTES} bytes")
    try:
        line = json.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: no JSON, no UTF-8, or an integer of 5000 digits
        raise Refused(f"not JSON ({str(error)[:80]})") from None
    if not isinstance(line, dict) or not _is_step(line.get("step")):
        raise Refused("not an object with a `step` that is a whole number")
    if not isinstance(line.get("parts", {}), dict):
        raise Refused("`parts` is not an object of numbers")
    for key, value in line.items():
        nested = value if isinstance(value, dict) else {key: value}
        if wrong := [name for name, one in nested.items() if one is not None and not is_number(one)]:
            raise Refused(f"`{wrong[0][:40]}` is not a finite number below {LARGEST:g}")
    return line


def _is_step(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1e15


def is_number(value: Any) -> bool:
    """Whether this is a finite number of a size that can be computed with, and kept in a table."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= (LARGEST_INTEGER if isinstance(value, int) else LARGEST)


def folder_sha256(folder: Path) -> str:
    """`files.pictures_sha256` of the PNG files in a folder, by their stems.

    Raises:
        PhotoError: a file that gives no picture.
    """

    def pixels():
        for path in sorted(folder.glob("*.png")):
            try:
                yield path.stem, decode_photo(path).tobytes()
            except PhotoError as error:
                raise PhotoError(f"{path.name}: {error}") from None

    return pictures_sha256(pixels())


def check_safetensors(path: Path) -> None:
    """Refuse a file that is not a complete safetensors file, such as a renamed pickle. Only its header is read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np"):
            pass
    except (SafetensorError, OSError) as error:
        with path.open("rb") as file:
            kind = _kind(file.read(4))
        raise Refused(f"{path.name}: {kind} ({error}); checkpoints are safetensors, nothing else is opened") from None


def _kind(start: bytes) -> str:
    if start.startswith(b"PK"):
        return "a zip or a torch pickle"
    return "a pickle" if start[:1] == b"\x80" else "not a whole safetensors file"
