"""`colorbench calibrate` as a user meets it, in this process."""

from colorbench.calibrating import calibrate_suite
from colorbench.suites.step_table import read_table
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
