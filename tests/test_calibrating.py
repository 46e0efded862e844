"""`colorbench calibrate` as a user meets it, in this process."""

import numpy as np
import pytest
import torch
from PIL import Image

from colorbench.calibrating import calibrate_suite, table_of_run
from colorbench.errors import WrongUsage
from colorbench.files import STEP_TABLE
from colorbench.running import run_suite
from colorbench.suites import load_suite, override_suite
from colorbench.suites.load import suite_table
from colorbench.suites.step_table import read_table, write_table
from tests.training.cells import write_suite

MATRIX = """
[matrix]
generators = [{generator = "unet", options = {width = 4, depth = 2}}]
losses = ["l1", "100*l1 + patchgan(width=8, layers=5)"]
"""


def test_a_table_is_written_and_what_failed_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COLORBENCH_COMPILE", "0")
    monkeypatch.chdir(tmp_path)
    write_suite(tmp_path, matrix=MATRIX, budget="1rs")
    options = {"source": None, "out": None, "device": "cpu", "warmup_steps": 1, "block_steps": 1, "plugins": []}
    assert calibrate_suite("two.toml", overrides={}, **options) == 1
    printed = capsys.readouterr()
    said = printed.out + printed.err
    table = read_table("two-steps.json")
    assert len(table.rows) == 1
    assert table.sha256 in said
    assert said.count("left out") == 1
    assert "No row for unet+100*l1+patchgan" in said
    assert "Use it: colorbench run two.toml --table two-steps.json" in said
    assert calibrate_suite("two.toml", overrides={"losses": ["l1"], "generators": ["unet"]}, **options) == 0


def test_a_suite_for_a_gpu_says_on_a_cpu_what_it_would_cost(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for number, pixels in enumerate(np.random.default_rng(0).integers(0, 256, (20, 130, 130, 3), dtype=np.uint8)):
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    options = {"executor": "local", "device": None, "jobs": None, "plugins": [], "rescore": False, "dry_run": False}
    matrix = {"generators": ["resnet18-light"], "losses": ["l1"]}
    for name, cells in (("nano", 8), ("losses", 10)):  # by reference seconds; by steps in bfloat16
        said = (
            rf"{name} is made for a GPU: .* its {cells} cells would train .* `colorbench run mini --data .*--device cpu"
        )
        with pytest.raises(WrongUsage, match=said):
            run_suite(name, source=str(tmp_path), overrides=matrix, out=tmp_path / "runs", **options)
    assert not (tmp_path / "runs").exists()


def test_the_table_of_a_run(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    suite, shipped = load_suite("nano"), suite_table("nano")
    where = {"source": None, "device": None, "out": tmp_path}
    assert table_of_run("nano", suite, given=None, **where) == (suite, shipped)
    write_table(shipped, tmp_path / "given.json")
    assert table_of_run("nano", suite, given=tmp_path / "given.json", **where)[1] == shipped
    small = override_suite(suite, size_px=64)
    with pytest.raises(
        WrongUsage, match=r"None is shipped for 64 px.*only a GPU can time the recipes: give --table FILE"
    ):
        table_of_run("nano", small, given=None, **where)
    own = tmp_path / "nano" / STEP_TABLE  # a local one, of an earlier run on a GPU
    write_table(shipped.model_copy(update={"conditions": shipped.conditions.model_copy(update={"size_px": 64})}), own)
    made, table = table_of_run("nano", small, given=None, **where)
    assert made.protocol.table_sha256 is None
    assert table == read_table(own)
    steps = override_suite(small, budget="9steps")
    assert table_of_run("nano", steps, given=None, **where)[1] is None
