"""What set-up and scores cost a cell of nano, in shares of its 8 reference seconds: all generators with l1.

    pytest benchmarks/test_nano.py --benchmark-only

On a GPU what the records say. Without one, on the null device, processor time: what 18 cells cost when they come on top of 18
others, with the host's part of their training. The bar is .5.
"""

import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from colorbench.record import read_record
from tests.data.conftest import write_photos
from tests.null_device.harness import ROOT, missing, run_on_null_device

BAR, REFERENCE_SECONDS, PHOTOS = 0.5, 8, 1150


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    return write_photos(tmp_path_factory.mktemp("photos"), range(PHOTOS), "jpg", width=160, height=160)


def run_nano(photos: Path, out: Path, seeds: int) -> float:
    """Train every generator with l1; return the processor time."""
    command = [
        "-m",
        "colorbench",
        "run",
        "nano",
        "--data",
        str(photos),
        "--loss",
        "l1",
        "--seeds",
        str(seeds),
        "--out",
        str(out),
    ]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    if torch.cuda.is_available():
        subprocess.run([sys.executable, *command], cwd=ROOT, check=True)
    else:
        run_on_null_device(command, timeout=1200)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def recorded(out: Path) -> list:
    return [read_record(path) for path in out.glob("nano/*+l1*/seed-*/record.json")]


def test_set_up_and_scores_of_nano(photos, tmp_path, benchmark):
    if not torch.cuda.is_available() and (reason := missing()):
        pytest.skip(reason)
    run_nano(photos, tmp_path / "first", 1)  # decodes the photos
    once = run_nano(photos, tmp_path / "one", 1)
    twice = benchmark.pedantic(run_nano, (photos, tmp_path / "two", 2))
    records = recorded(tmp_path / "two")
    assert len(records) == 36
    assert all(record.status == "done" for record in records)
    if torch.cuda.is_available():
        beside = sum(record.cost.setup_seconds + record.cost.evaluation_seconds for record in records)
        share = beside / sum(record.cost.train_seconds for record in records)
    else:
        share = (twice - once) / 18 / REFERENCE_SECONDS
    benchmark.extra_info |= {"operation": "nano: set-up and scores", "share": round(share, 3)}
    assert share <= BAR
