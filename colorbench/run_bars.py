"""The bars of `colorbench run`: one for all cells with the time that is left, and one per running cell."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column

from colorbench.cell import Cell
from colorbench.console import duration, fail, note, notes, progress
from colorbench.grid.supervisor import Event

_NARROW, _WIDE = (29, 14), (60, 40)  # columns of a name, which goes on in the next line, and of a bar


@contextmanager
def watch_cells(cells: Sequence[Cell]) -> Iterator["Watcher"]:
    """Show bars while these cells run; yield the Watcher that an executor tells its events."""
    name, bar = _NARROW if notes.width < 120 else _WIDE
    columns = (
        TextColumn("{task.description}", markup=False, table_column=Column(max_width=name, overflow="fold")),
        BarColumn(bar),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with progress(*columns, TimeElapsedColumn()) as bars:
        yield Watcher(bars, cells)


class Watcher:
    """Turns an executor's events into one bar per running cell, and one for all of them with the time that is left.

    Args:
        bars: has a `note` beside each bar.
        cells: of all jobs. Baselines train nothing and hardly count for the time that is left.
    """

    def __init__(self, bars: Progress, cells: Sequence[Cell]):
        self.bars, self.count, self.done = bars, len(cells), 0
        self.tasks: dict[str, TaskID] = {}
        self.shares: dict[str, tuple[float, float]] = {}  # of training: at first, now
        self.gained, self.left = 0.0, sum(map(_work, cells))  # by what has ended since; of what has not ended
        self.began, self.stopping = time.monotonic(), False
        text = f"0 of {self.count}, starting"
        self.whole = bars.add_task("all cells", total=self.count, note=text) if self.count else None

    def __call__(self, event: Event) -> None:
        key = str(event.job.folder)
        if event.kind == "start":
            self.tasks[key] = self.bars.add_task(
                event.job.name, total=None, note="starting"
            )  # without a total: it pulses
        elif event.kind == "progress":
            self.shares[key] = (self.shares.get(key, (event.share,))[0], event.share)
            self._tell_progress(self.tasks[key], event)
        elif event.kind == "stop":
            self._tell_stop(key)
            return
        else:
            self._take_away(key, event)
        self._show_whole()

    def _tell_progress(self, number: TaskID, event: Event) -> None:
        if 0.0 < event.share < 1.0:
            self.bars.update(number, completed=event.share, total=1.0, note=event.text)
            return
        for task in self.bars.tasks:  # before and after training it pulses; `update` cannot take a total away
            if task.id == number:
                task.total = None
        self.bars.update(number, note="scoring" if event.share >= 1.0 else event.text)

    def _take_away(self, key: str, event: Event) -> None:
        self.bars.remove_task(self.tasks.pop(key))
        first, _ = self.shares.pop(key, (0.0, 1.0))
        self.gained += (1 - first) * _work(event.job.cell)
        self.left -= _work(event.job.cell)
        self.done += 1
        if event.kind == "problem":
            fail(event.text)
        elif not notes.is_terminal:
            note(f"{event.job.name} recorded ({self.done} of {self.count})")

    def _tell_stop(self, key: str) -> None:
        if key in self.tasks:
            self.bars.update(self.tasks[key], note="saving")
        if not self.stopping:
            self.stopping = True
            note("Stopping: running cells are saving their state. Press Ctrl-C again to stop without waiting.")

    def _show_whole(self) -> None:
        if self.whole is None:
            return
        gained = self.gained + sum(now - first for first, now in self.shares.values())
        left = self.left - sum(now for _, now in self.shares.values())
        text = f"{self.done} of {self.count}"
        if gained > 0.05 and self.done < self.count:
            seconds = (time.monotonic() - self.began) * left / gained
            text += f", about {duration(seconds)} left" if seconds >= 1 else ", scoring"
        shown = self.done + sum(now for _, now in self.shares.values())
        self.bars.update(self.whole, completed=shown, note=text)


def _work(cell: Cell) -> float:
    """The expected share of the run's time, in units of a cell that trains."""
    return 0.005 if cell.is_baseline else 1.0
