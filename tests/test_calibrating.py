"""`colorbench calibrate` and `schema` as a user meets them, in this process."""

import json

import pytest

from colorbench.calibrating import calibrate_suite
from colorbench.listing import print_schema
from colorbench.suites.step_table import read_table

SUITE = """
title = "two"
metrics = ["psnr"]
primary = "psnr"
[protocol]
dataset = "embedded"
size_px = 16
fit = "tiles"
limit_train = 16
limit_test = 4
batch = 4
budget = "1rs"
[matrix]
generators = [{generator = "unet", options = {width = 4, depth = 2}}]
losses = ["l1", "100*l1 + patchgan(width=8, layers=5)"]
"""


def test_a_table_is_written_and_what_failed_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COLORBENCH_COMPILE", "0")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "two.toml").write_text(SUITE)
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


@pytest.mark.parametrize(("kind", "field"), [("record", "cost"), ("suite", "recipes"), ("table", "rows")])
def test_schemas_are_json(kind, field, capsys):
    print_schema(kind)
    schema = json.loads(capsys.readouterr().out)
    assert field in schema["properties"]
    assert schema["additionalProperties"] is False
