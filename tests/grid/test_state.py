"""States on disk and the lock."""

import os
import subprocess
import sys

import pytest

from colorbench.grid.state import Busy, hold, state_of
from colorbench.training.train import train
from tests.training.cells import small_cell


def test_new_resumable_done_foreign(tmp_path):
    cell = small_cell()
    assert state_of(cell, tmp_path).name == "new"
    with pytest.raises(KeyboardInterrupt):
        train(cell, tmp_path / cell.folder, metrics=("psnr",), should_stop=lambda: True)
    assert state_of(cell, tmp_path).name == "resumable"
    train(cell, tmp_path / cell.folder, metrics=("psnr",))
    assert state_of(cell, tmp_path).name == "done"
    other = small_cell(batch=2)
    assert other.folder == cell.folder
    assert state_of(other, tmp_path).name == "foreign"


def test_a_torn_record_counts_as_absent(tmp_path):
    cell = small_cell()
    train(cell, tmp_path / cell.folder, metrics=("psnr",))
    path = tmp_path / cell.folder / "record.json"
    path.write_bytes(path.read_bytes()[:200])
    state = state_of(cell, tmp_path)
    assert state.name == "new"
    assert "unreadable record" in state.problem


HOLDER = """
import sys, time
from pathlib import Path
from colorbench.grid.state import hold
with hold(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_lock_excludes_and_dies_with_its_process(tmp_path):
    environment = os.environ | {"PYTHONPATH": os.getcwd()}
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, env=environment)
    try:
        assert process.stdout.readline().strip() == b"held"
        with pytest.raises(Busy, match="run by another process"), hold(tmp_path):
            pass
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    with hold(tmp_path):
        pass
