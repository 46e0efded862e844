"""One cell on another machine, here without an engine: the ticket, the outcome, the stop."""

import subprocess
import sys

import pytest

from colorbench.files import RECORD, hold
from colorbench.grid import remote, supervisor
from colorbench.grid.remote import PROBLEM, RECORDED, UNSEEN, RemoteCell, write_ticket
from colorbench.grid.worker import Job
from tests.training.cells import small_cell


@pytest.fixture
def job(tmp_path):
    return Job(tmp_path / "cell", small_cell(generator="gray", loss="none"), ("psnr",), device="cpu", threads=1)


def test_a_ticket_tells_whether_the_folder_is_shared(job, monkeypatch):
    monkeypatch.setattr(remote, "TICKET_SECONDS", 0.1)
    write_ticket(job)
    assert RemoteCell(str(job.folder), "another run's", {})() == (UNSEEN, f"does not see {job.folder}")


def test_a_cell_is_recorded_or_a_problem(job, monkeypatch):
    monkeypatch.setattr(supervisor, "BUSY_SECONDS", 0.1)
    cell = RemoteCell(str(job.folder), write_ticket(job), {})
    cell.stop()  # nothing runs yet
    with hold(job.folder):
        assert cell() == (PROBLEM, "gray seed 0: another process is running this cell")
    assert cell() == (RECORDED, "")
    assert (job.folder / RECORD).is_file()


def test_importing_it_needs_no_torch():
    """Every Ray task and Slurm job starts with this import."""
    code = "import sys, colorbench.grid.remote; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
