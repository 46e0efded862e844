"""A job is the same after its way through a file, with what its cell's own text leaves out."""

from dataclasses import replace

import pytest

from colorbench.files import JOB
from colorbench.grid.job import Job, Retest, read_job
from tests.training.cells import small_cell

PLAIN = {"metrics": ("psnr", "fid"), "source": "/photos", "device": "cpu", "threads": 2, "timeout_seconds": 9.5}


@pytest.mark.parametrize(
    ("kind", "trains"),
    [
        ({}, True),
        ({"plugins": ("/mine.py",), "checkpoint_seconds": 0.5}, True),
        ({"rescore": True}, False),
        ({"fail": ("out-of-memory", "needs 90 GB")}, False),
        ({"retest": Retest("/runs/mini/unet+l1/seed-0", "tested on kodak", (1.5, -2.0))}, False),
        ({"retest": Retest("/runs/mini/gray/seed-0", "tested on kodak")}, False),
    ],
    ids=["training", "plug-in", "rescore", "failure", "retest", "retest without a mean color"],
)
def test_a_job_through_its_file(tmp_path, kind, trains):
    cell = small_cell(seed=3).model_copy(update={"steps": 17, "provisional": True})
    job = Job(tmp_path / "cell", cell, **PLAIN | kind)
    job.write()
    found = read_job(job.folder)
    assert found == job
    assert (found.cell.steps, found.cell.provisional) == (17, True)
    assert found.trains is trains
    assert found.name == "unet+l1 seed 3"


def test_a_folder_that_was_moved_is_where_it_is_now(tmp_path):
    job = Job(tmp_path / "before", small_cell(), ("psnr",))
    job.write()
    job.folder.rename(tmp_path / "after")
    assert read_job(tmp_path / "after") == replace(job, folder=tmp_path / "after")
    assert not (tmp_path / "before" / JOB).exists()
