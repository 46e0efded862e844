"""Cells that were recorded before training, grid and leaderboard were rebuilt are trained again: same keys, same scores.

The records in `recorded/` are those of `colorbench run smoke` at commit dc61f1a, on the processor and torch named below. There
the weights and pictures must be the same bits; elsewhere sums are rounded in another order, and scores agree closely.
"""

import re
from pathlib import Path

import pytest
import torch

from colorbench.data import load_protocol_photos
from colorbench.files import CHECKPOINT, PREDICTIONS
from colorbench.record import read_record
from colorbench.training.train import train

RECORDED = sorted((Path(__file__).parent / "recorded").glob("*.json"))
TORCH, THREADS, PROCESSOR, INSTRUCTIONS = "2.14.1+cu130", 1, ("AMD EPYC", "25", "1"), "AVX2"


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    yield
    torch.set_num_threads(before)


def processor():
    """Name, family and model: libraries choose their order of adding by them."""
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    found = (re.search(rf"^{name}\s*: (.*)$", text, re.MULTILINE) for name in ("model name", "cpu family", "model"))
    return tuple(match.group(1) if match else "" for match in found)


def is_the_same_machine():
    instructions = torch.backends.cpu.get_cpu_capability()
    return (torch.__version__, processor(), instructions) == (TORCH, PROCESSOR, INSTRUCTIONS)


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_recorded_cell_trains_to_what_it_was(path, tmp_path, threads):
    before = read_record(path)
    if load_protocol_photos(before.cell.protocol).hash != before.data.hash:
        pytest.skip("the installed packages carry other files of the embedded photos than they did for the record")
    after = train(before.cell, tmp_path, metrics=tuple(before.scores), device="cpu")
    assert (after.key, after.status, after.spent.steps) == (before.key, "done", before.spent.steps)
    for key, score in before.scores.items():
        assert after.scores[key].value == pytest.approx(score.value, rel=0.01), key
    if is_the_same_machine():
        assert after.scores == before.scores
        for name in (PREDICTIONS, CHECKPOINT):  # not the scores' file, whose bytes are also pyarrow's
            assert after.files.get(name) == before.files.get(name), name


def test_records_of_all_kinds_are_held():
    generators = {read_record(path).cell.recipe.generator for path in RECORDED}
    assert generators >= {"unet", "tri-stream", "siggraph17", "mean-ab"}
