"""The training curve: one JSON line every few steps. A resumed run cuts the lines after its checkpoint and goes on."""

import json
from pathlib import Path


class Curve:
    """Appends to `curve.jsonl`; lines of steps at or after `start_step` of an attempt that was lost are dropped."""

    def __init__(self, path: Path, start_step: int):
        kept = [line for line in _lines(path) if _step(line) < start_step]
        path.write_text("".join(kept))
        self._file = path.open("a")

    def add(self, **values: float | int | dict) -> None:
        """One line, flushed, so that others can watch."""
        self._file.write(json.dumps(values) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines(keepends=True) if path.exists() else []


def _step(line: str) -> float:
    try:
        return json.loads(line)["step"]
    except (ValueError, KeyError, TypeError):
        return float("inf")  # a line torn by a kill: drop it
