"""The bars of a run: how much time is left, of work that this call has done."""

import io
import time

import pytest
from rich.console import Console

from colorbench import console
from colorbench.cell import Recipe
from colorbench.grid.supervisor import Event
from colorbench.grid.worker import Job
from colorbench.run_bars import watch_cells
from tests.training.cells import small_cell


@pytest.fixture
def jobs(tmp_path):
    """Two cells that train, and a baseline."""
    cells = [
        small_cell(seed=0),
        small_cell(seed=1),
        small_cell().model_copy(update={"recipe": Recipe(generator="gray")}),
    ]
    return [Job(tmp_path / str(number), cell, ("psnr",)) for number, cell in enumerate(cells)]


@pytest.fixture
def screen(monkeypatch):
    """What a terminal of 80 columns showed."""
    file = io.StringIO()
    monkeypatch.setattr(console, "notes", Console(file=file, width=80, force_terminal=True, color_system=None))
    monkeypatch.setattr("colorbench.run_bars.notes", console.notes)
    return file


def note_of(watcher, number=0) -> str:
    return watcher.bars.tasks[number].fields["note"]


def tell(watcher, *events):
    for kind, job, *more in events:
        watcher(Event(kind, job, *more))


def test_the_time_that_is_left_is_told_from_what_this_call_has_trained(jobs, screen):
    one, two, gray = jobs
    with watch_cells([job.cell for job in jobs]) as watcher:
        assert note_of(watcher) == "0 of 3, starting"
        tell(watcher, ("start", gray), ("end", gray))
        assert note_of(watcher) == "1 of 3"  # a baseline says nothing about the others
        tell(watcher, ("start", one), ("progress", one, 0.5, "training"))
        assert note_of(watcher) == "1 of 3"  # it goes on from a checkpoint: nothing is trained yet
        watcher.began = time.monotonic() - 96
        tell(watcher, ("progress", one, 0.75, "training"))
        assert note_of(watcher) == "1 of 3, about 8 min left"  # a quarter took 96 s, five quarters are left
        tell(watcher, ("start", two), ("progress", two, 0.0, "photos"), ("problem", one, 0.0, "[/b] no disk"))
        assert note_of(watcher) == "2 of 3, about 3 min left"
        tell(watcher, ("end", two))
        assert note_of(watcher) == "3 of 3"
    assert "[/b] no disk" not in screen.getvalue()  # errors are printed also under -q


def test_a_cell_that_is_scored_pulses_and_one_that_is_stopped_saves(jobs, screen):
    one, two, _ = jobs
    with watch_cells([one.cell, two.cell]) as watcher:
        tell(
            watcher,
            ("start", one),
            ("start", two),
            ("progress", one, 1.0, "evaluation"),
            ("progress", two, 0.5, "training"),
        )
        bars = {task.description: task for task in watcher.bars.tasks}
        assert bars[one.name].total is None  # no end is known: the bar moves by itself
        assert bars[one.name].fields["note"] == "scoring"
        assert bars[two.name].completed == 0.5
        tell(watcher, ("stop", one), ("stop", two))
        assert {task.fields["note"] for task in watcher.bars.tasks[1:]} == {"saving"}
    assert screen.getvalue().count("Stopping: running cells are saving their state.") == 1


def test_bars_keep_their_room_beside_long_names(jobs, screen):
    one = Job(
        jobs[0].folder,
        small_cell().model_copy(update={"recipe": Recipe(generator="unet", loss="l1", name="z" * 80)}),
        (),
    )
    with watch_cells([one.cell]) as watcher:
        tell(watcher, ("start", one), ("progress", one, 0.5, "training"))
        now = Console(file=io.StringIO(), width=80)
        now.print(watcher.bars.get_renderable())
    shown = now.file.getvalue()
    assert shown.count("z") == 80
    assert "\u2501" * 6 in shown
    assert "training" in shown


def test_nothing_to_run_has_no_bar(screen):
    with watch_cells([]) as watcher:
        assert watcher.bars.tasks == []


def test_after_training_no_time_is_promised(jobs, screen):
    one = jobs[0]
    with watch_cells([one.cell]) as watcher:
        tell(watcher, ("start", one), ("progress", one, 0.0, "training"), ("progress", one, 1.0, "evaluation"))
        assert note_of(watcher) == "0 of 1, scoring"
