"""What tests of the grid share: workers that import from here, on one thread, and a small grid run without disturbance."""

import os

import pytest

from benchmarks.kill_twenty import RECIPES, kill_suite
from colorbench.files import RECORD
from colorbench.grid.fork_server import ForkServer, can_fork
from colorbench.grid.run import run
from colorbench.grid.supervisor import start_worker
from colorbench.grid.worker import Job
from colorbench.record import read_record
from tests.grid.in_process import InProcess, what_counts
from tests.training.cells import small_cell


@pytest.fixture(autouse=True)
def workers_import_from_here(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.getcwd())
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def spawn():
    """Start workers as a run does, for all tests here from one process, so that the imports are paid for once."""
    if not can_fork():
        yield start_worker
        return
    with ForkServer() as server:
        yield server


@pytest.fixture(scope="session")
def alone(tmp_path_factory) -> dict:
    """What counts in the record of `small_cell(seed=1)`, run in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLORBENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        job = Job(tmp_path_factory.mktemp("alone") / "cell", small_cell(seed=1), ("psnr",), device="cpu")
        if problems := InProcess().execute([job]):
            raise RuntimeError(problems[0])
    return what_counts(read_record(job.folder / RECORD))


@pytest.fixture(scope="session")
def kills_suite():
    """One cell, a few seconds of training."""
    return kill_suite(recipes=RECIPES[:1], seeds=1, steps=300).model_copy(update={"baselines": ()})


@pytest.fixture(scope="session")
def undisturbed(kills_suite, tmp_path_factory):
    """The output folder of that cell, run in this process."""
    out = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLORBENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        report = run(kills_suite, out=out, executor=InProcess(), build=False)
    if report.problems:
        raise RuntimeError(str(report.problems))
    return out
