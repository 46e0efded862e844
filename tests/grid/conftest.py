"""What tests of the grid share: workers that import from here, on one thread, and a small grid run without disturbance."""

import os

import pytest

from benchmarks.kill_twenty import RECIPES, kill_suite
from colorbench.grid.local import LocalExecutor
from colorbench.grid.run import run


@pytest.fixture(scope="session")
def kills_suite():
    """Two cells, some seconds of training each."""
    return kill_suite(recipes=RECIPES[:1], seeds=2, steps=500).model_copy(update={"baselines": ()})


@pytest.fixture(scope="session")
def undisturbed(kills_suite, tmp_path_factory):
    """The output folder of those cells, run by the local executor."""
    out = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.getcwd())
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("COLORBENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        report = run(kills_suite, out=out, executor=LocalExecutor(["cpu"]), build=False)
    if report.problems:
        raise RuntimeError(str(report.problems))
    return out
