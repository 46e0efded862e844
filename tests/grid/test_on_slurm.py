"""The slurm executor through submitit's local cluster: jobs, a preempted one, a killed one; settings."""

import os
import signal
from pathlib import Path

import pytest

from benchmarks.kill_twenty import differences
from colorbench.grid.executors import make_executor
from colorbench.grid.on_slurm import SlurmExecutor, minutes, read_settings
from colorbench.grid.run import run
from tests.grid.meanwhile import kill, meanwhile, parent, training_workers

HERE = {"cluster": "local", "cpus": "1", "time": "60"}


def slurm(out: Path, **settings: str) -> SlurmExecutor:
    pytest.importorskip("submitit", reason="needs submitit: pip install 'colorbench[slurm]'")
    return SlurmExecutor(out / "logs", device="cpu", settings=HERE | settings)


@pytest.mark.timeout(900)
def test_preempted_then_killed_then_finished(kills_suite, undisturbed, tmp_path):
    """The cell's job is preempted: queued again, it resumes. Then it is killed: a problem, and resumable."""
    disturbed = []

    def disturb():
        for _, pid in training_workers(tmp_path):
            if not disturbed:
                disturbed.append(pid)
                os.kill(parent(pid), signal.SIGUSR2)
            elif pid != disturbed[0]:  # it trains again
                disturbed.append(pid)
                kill(parent(pid))
        return len(disturbed) == 2

    options = {"out": tmp_path, "build": False, "checkpoint_seconds": 0.05}
    with meanwhile(disturb):
        report = run(kills_suite, executor=slurm(tmp_path), **options)
    assert len(disturbed) == 2
    assert len(report.problems) == 1
    assert "the same command resumes it" in report.problems[0]
    report = run(kills_suite, executor=slurm(tmp_path), **options)
    assert report.problems == ()
    assert differences(undisturbed, tmp_path) == []
    assert [attempt.ended for attempt in report.records[0].attempts] == ["interrupted", "interrupted", "done"]


def test_settings_as_submitit_spells_them():
    variables = {"COLORBENCH_SLURM_PARTITION": "gpu", "COLORBENCH_SLURM_MEM": "64G", "HOME": "/"}
    found = read_settings({"partition": "big", "gpus": "1", "time": "1-00:00:00", "mem_gb": "3"}, variables)
    assert found == {
        "slurm_partition": "big",
        "slurm_mem": "64G",
        "gpus_per_node": 1,
        "timeout_min": 1440,
        "mem_gb": 3,
    }


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"gpus": "many"}, "gpus_per_node must be a whole number"),
        ({"time": "soon"}, "not a time"),
        ({"parallel": "0"}, "at least one job"),
        ({"nonsense": "3"}, "Unknown argument 'nonsense'"),
    ],
)
def test_settings_that_are_refused(tmp_path, settings, message):
    with pytest.raises(ValueError, match=message):
        slurm(tmp_path, **settings)


def test_no_slurm_here(tmp_path, monkeypatch):
    pytest.importorskip("submitit", reason="needs submitit: pip install 'colorbench[slurm]'")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ValueError, match="run this on a login node"):
        make_executor("slurm", out=tmp_path)


def test_times():
    assert [minutes(text) for text in ("30", "30:00", "0:30:00", "2-0:00", "00:00:10")] == [30, 30, 30, 2880, 1]
