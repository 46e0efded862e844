"""Two processes make the steps of one, at the same global batch."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from colorbench.training import loop
from colorbench.training.group import ALONE
from tests.training import pair


@pytest.fixture(scope="module")
def together(tmp_path_factory) -> Path:
    """A folder in which two processes have done all of pair.py, its checks included."""
    pytest.importorskip("lightning_fabric", reason="needs the extra ddp")
    folder = tmp_path_factory.mktemp("pair")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "NODE_RANK": "0", "JAXTYPING_DISABLE": "1"}
    cache = {"COLORBENCH_COMPILE": "0", "COLORBENCH_CACHE": str(tmp_path_factory.getbasetemp() / "cache")}
    root = Path(__file__).parents[2]
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.training.pair", str(folder)], cwd=root, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=os.environ | meeting | cache | {"LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]  # fmt: skip
    try:
        said = [process.communicate(timeout=200)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], "\n".join(said)
    return folder


def curve(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "curve.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("name", pair.CELLS)
def test_the_curve_of_two_is_the_curve_of_one(together, tmp_path, monkeypatch, name):
    monkeypatch.setenv("COLORBENCH_COMPILE", "0")
    monkeypatch.setattr(loop, "CURVE_EVERY", 1)
    pair.train(pair.CELLS[name], tmp_path / name, ALONE)
    one, two = curve(tmp_path / name), curve(together / name)
    assert len(one) == len(two) == pair.STEPS
    for alone, shared in zip(one, two):
        assert shared["parts"] == pytest.approx(alone["parts"], rel=1e-5, abs=1e-5)
        assert shared["loss"] == pytest.approx(alone["loss"], rel=1e-5)
        assert (shared["images"], shared["lr"]) == (alone["images"], alone["lr"])


def test_alone_agrees_with_itself():
    parts = {"l1": torch.tensor(1.0)}
    assert ALONE.mean(parts) == parts
    assert ALONE.gather([1]) == [[1]]
    assert ALONE.from_first(2) == 2
    assert ALONE.all(torch.tensor(True))
