"""What a run tells about itself while it runs: a small `progress.json`, rewritten at most every half second."""

import json
import os
import time
from pathlib import Path

PROGRESS_NAME = "progress.json"


class Progress:
    """Writes phase, share of the budget, step and loss. Losing it costs nothing, so it is renamed but not fsynced."""

    def __init__(self, folder: Path, every_seconds: float = 0.5):
        self.path, self.every_seconds = folder / PROGRESS_NAME, every_seconds
        self._last, self._phase = 0.0, ""

    def tell(self, phase: str, share: float = 0.0, **facts: float | int | str | None) -> None:
        now = time.monotonic()
        if phase == self._phase and now - self._last < self.every_seconds:
            return
        self._last, self._phase = now, phase
        text = json.dumps({"phase": phase, "share": round(share, 4), "pid": os.getpid(), "time": time.time(), **facts})
        temporary = self.path.with_name(f".{PROGRESS_NAME}.{os.getpid()}")
        temporary.write_text(text)
        temporary.replace(self.path)


def read_progress(folder: Path) -> dict | None:
    """The last word of the run in this folder, or None."""
    try:
        return json.loads((folder / PROGRESS_NAME).read_text())
    except (OSError, ValueError):
        return None
