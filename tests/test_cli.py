"""The command line, in this process: real photos, a small budget."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorbench import __version__, running
from tests.grid.in_process import InProcess
from tests.typed import call

ROOT = str(Path(__file__).parents[1])
SUITE = """
title = "A small suite"
note = "A note of its own."
rankable = false
seeds = 1
metrics = ["psnr", "lpips-vgg"]
primary = "psnr"
baselines = ["gray", "mean-ab"]
download_mb = 1
[protocol]
dataset = "embedded"
size_px = 32
fit = "tiles"
limit_train = 16
limit_test = 4
batch = 4
budget = "3steps"
[[recipes]]
generator = "unet"
loss = "100*l1 + patchgan(width=8, layers=1)"
options = { width = 4, depth = 2 }
[[recipes]]
generator = "unet"
loss = "perceptual"
options = { width = 4, depth = 2 }
"""


@pytest.fixture
def colorbench(tmp_path):
    """`colorbench(*arguments, cwd=tmp_path, **environment)`."""
    return lambda *arguments, **options: call(*arguments, **{"cwd": tmp_path} | options)


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    """The main job, once, as a user meets it: cells in processes of their own, no weights, no network."""
    folder = tmp_path_factory.mktemp("main")
    (folder / "small.toml").write_text(SUITE)
    weightless = {
        "COLORBENCH_WEIGHTS": None,
        "TORCH_HOME": str(folder / "hub"),
        "COLORBENCH_CACHE": str(folder / "cache"),
    }
    result = call("run", "small.toml", cwd=folder, PYTHONPATH=ROOT, OMP_NUM_THREADS="1", **weightless)
    return folder, result, weightless


def test_the_main_job_leaves_a_board(board):
    folder, result, _ = board
    assert result.returncode == 0, result.stderr
    assert "A note of its own." in result.stderr
    left = folder / "runs" / "small"
    assert {"table.csv", "table.md", "table.parquet", "index.html"} <= {p.name for p in (left / "board").iterdir()}
    assert list((left / "board" / "plots").glob("*.png"))
    assert (left / "unet+100xl1+patchgan-layers-1-width-8" / "seed-0" / "record.json").exists()


def test_what_needs_weights_is_named_and_empty(board):
    _, result, _ = board
    assert "unet+perceptual seed 0: skipped" in result.stderr
    assert "lpips-vgg is an empty column" in result.stderr
    assert "COLORBENCH_WEIGHTS" in result.stderr


def test_another_budget_into_the_same_folder_is_refused(colorbench, board):
    folder, _, weightless = board
    result = colorbench("run", "small.toml", "--budget", "4steps", cwd=folder, **weightless)
    assert result.returncode == 1
    assert "choose another --out" in result.stderr
    assert "Traceback" not in result.stderr


def test_colorize_with_its_checkpoint(colorbench, board):
    folder, _, weightless = board
    Image.fromarray(np.full((50, 40, 3), 120, np.uint8)).save(folder / "old.png")
    checkpoint = next((folder / "runs").rglob("checkpoint.safetensors"))
    result = colorbench("colorize", checkpoint, "old.png", "--out", "new", cwd=folder, **weightless)
    assert result.returncode == 0, result.stderr
    with Image.open(folder / "new" / "old.png") as colored:
        assert colored.size == (40, 50)


def test_score_folder_against_folder(colorbench, board):
    folder, _, weightless = board
    cell = next((folder / "runs").rglob("predictions"))
    references = folder / "runs" / "small" / "references"
    result = colorbench(
        "score", cell, references, "--metrics", "psnr,colorfulness", "--out", "rows.csv", cwd=folder, **weightless
    )
    assert result.returncode == 0, result.stderr
    assert "psnr" in result.stdout
    assert len((folder / "rows.csv").read_text().splitlines()) == 5


def test_status_of_a_finished_run(colorbench, board):
    folder, _, weightless = board
    result = colorbench("status", "runs", cwd=folder, **weightless)
    assert "done" in result.stdout
    assert "skipped" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["run", "nimi"], 2, "unknown suite 'nimi'; known suites:"),
        (["run", "mini", "--generator", "unett"], 2, "unknown generator 'unett'; known generators: unet"),
        (["run", "mini", "--loss", "l3"], 2, "l3"),
        (["run", "mini", "--loss", "l1+"], 2, "cannot read the loss expression 'l1+' at 'its end'"),
        (["run", "mini", "--loss", "l1 + patchgan(mod='x')"], 2, "did you mean 'mode'"),
        (["run", "mini", "--head", "bins"], 2, "--head bins goes with --generator or --loss"),
        (["run", "wrong.toml"], 2, "suite wrong.toml: unknown field 'seds'; known fields: name, title, "),
        (["run", "wrong.toml"], 2, "did you mean 'seeds'?"),
        (["leaderboard", "check", "empty"], 1, "no record below empty"),
        (["leaderboard", "check", "nowhere"], 1, "no folder nowhere"),
        (["run", "mini", "--budget", "soon"], 2, "500steps"),
        (["run", "mini", "--data", "./nowhere"], 1, "no such folder of pictures: nowhere"),
        (
            ["run", "mini", "--data", "emty"],
            1,
            "no such folder of pictures: emty (a Hugging Face dataset is written OWNER/NAME); did you mean 'empty'?",
        ),
        (["run", "ade20k", "--data", "emty"], 1, "did you mean 'empty'?"),
        (["calibrate", "s", "--data", "emty"], 1, "did you mean 'empty'?"),
        (["run", "mini", "--data", "./empty"], 1, "empty"),
        (
            ["run", "mini", "--executor", "kubernetes"],
            2,
            "unknown executor 'kubernetes'; known executors: local, ray, slurm",
        ),
        (["run", "mini", "--plugin", "none.py"], 1, "no plug-in file"),
        (["score", "empty", "empty"], 1, "empty"),
        (["colorize", "none.safetensors", "x.png"], 1, "no such file or folder: x.png"),
        (["colorize", "none.safetensors", "photo.png"], 1, "no checkpoint at none.safetensors"),
        (["score", "photoos", "empty"], 1, "photoos does not exist; give"),
        (
            ["score", "emty", "empty"],
            1,
            "emty does not exist; give the folder that holds the pictures; did you mean 'empty'?",
        ),
        (["compare", "emty", "empty"], 1, "did you mean 'empty'?"),
        (
            ["leaderboard", "build", "emty"],
            1,
            "no folder emty; give the folder of one suite, for instance runs/mini; did you mean 'empty'?",
        ),
        (["run", "wrnog.toml"], 1, "there is no suite file wrnog.toml; did you mean 'wrong.toml'?"),
        (["colorize", "none.safetensors", "phto.png"], 1, "did you mean 'photo.png'?"),
        (["score", "empty", "empty", "--protocol", "ddcolor"], 2, "did you mean 'ddcolor-crop'"),
        (["score", "empty", "empty", "--protocol", "ct2", "--metrics", "psnr"], 2, "leave out one of the two"),
        (["status", "rnus"], 1, "rnus does not exist"),
        (
            ["run", "color-space", "--data", "./empty"],
            2,
            "None is shipped for 128 px, batch 16, bf16, channels last, eager",
        ),
        (["run", "mini", "--table", "none.json"], 1, "there is no step table none.json"),
        (["run", "ade20k", "--data", "./empty"], 1, "put (or link) its training photos into train/"),
        (["calibrate", "mini", "--generator", "unett"], 2, "unknown generator 'unett'"),
        (["calibrate", "s"], 1, "dataset 'folder' needs a folder"),
        (["schema", "sweets"], 2, "unknown schema 'sweets'; known schemas: record, suite, table"),
        (["list", "sweets"], 2, "unknown table 'sweets'"),
    ],
)
def test_wrong_arguments_get_one_line(colorbench, tmp_path, arguments, status, message):
    (tmp_path / "empty").mkdir()
    (tmp_path / "wrong.toml").write_text(SUITE.replace("seeds =", "seds ="))
    Image.new("RGB", (20, 20)).save(tmp_path / "photo.png")
    result = colorbench(*arguments, cwd=tmp_path)
    assert result.returncode == status, result.stderr + result.stdout
    assert message in result.stderr
    assert result.stderr.splitlines()[-1].startswith("colorbench: ")
    assert "Traceback" not in result.stderr


def test_a_folder_that_cannot_be_written(colorbench, tmp_path):
    (tmp_path / "runs").write_text("a file where a folder should be")
    result = colorbench("run", "mini", "--generator", "unet", "--loss", "l1", "--budget", "1steps", cwd=tmp_path)
    assert result.returncode == 1
    assert "runs" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_table_is_listed(colorbench, tmp_path):
    assert "patchgan" in colorbench("list", "losses", cwd=tmp_path).stdout


def test_the_end_of_a_run_is_a_short_table_and_a_verdict(board):
    _, result, _ = board
    rows = [line.split("\t") for line in result.stdout.splitlines() if "\t" in line]
    assert [row[0] for row in rows] == ["unet+100xl1+patchgan-layers-1-width-8", "gray", "mean-ab"]
    assert all(len(row) <= 5 for row in rows)
    assert "No ranking: this suite is not made to compare its entries." in result.stdout
    assert f"Board: {os.path.join('runs', 'small', 'board', 'index.html')}" in result.stderr


def test_a_second_call_finds_the_rest_done_and_json_and_quiet(colorbench, board, monkeypatch):
    folder, _, weightless = board
    monkeypatch.setattr(running, "make_executor", lambda *_, **__: InProcess())
    run = colorbench("run", "small.toml", "--json", "-q", cwd=folder, **weightless)
    facts = json.loads(run.stdout)
    assert (facts["cells"], facts["run_now"], facts["primary"]) == (4, 1, "psnr")  # the skipped one is tried again
    assert len(facts["entries"]) == 3
    assert run.stderr == ""
    status = json.loads(colorbench("status", "runs", "--json", cwd=folder, **weightless).stdout)
    assert status["counts"] == {"done": 3, "skipped": 1}
    checked = json.loads(colorbench("leaderboard", "check", "runs/small", "--json", cwd=folder, **weightless).stdout)
    assert {row["ok"] for row in checked} == {True}
    predictions = next((folder / "runs").rglob("predictions"))
    scored = colorbench(
        "score", predictions, "runs/small/references", "--metrics", "psnr", "--json", cwd=folder, **weightless
    )
    assert json.loads(scored.stdout)["metrics"][0]["metric"] == "psnr"


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--device", "gpu"], 2, "unknown device 'gpu'; known devices: auto, cpu, cuda, cuda:0, cuda:1 ..."),
        (["--device", "cuda:7"], 2, "device 'cuda:7': "),
        (["--set", "foo"], 2, "--set 'foo' is not KEY=VALUE"),
        (["--executor", "slrum"], 2, "did you mean 'slurm'?"),
        (["--set", "foo=1"], 2, "the local executor has no settings, and foo was set"),
        (["--executor", "ray", "--set", "foo=1"], 2, "the ray executor has no setting foo"),
        (["--out", "small.toml"], 1, "small.toml is a file, and --out needs a folder"),
    ],
)
def test_a_dry_run_makes_the_checks_of_a_run(colorbench, board, arguments, status, message):
    folder, _, weightless = board
    result = colorbench("run", "small.toml", "--dry-run", *arguments, cwd=folder, **weightless)
    assert result.returncode == status, result.stderr
    assert message in result.stderr


def test_version_and_a_mistyped_verb(colorbench, tmp_path):
    assert colorbench("--version", cwd=tmp_path).stdout == f"colorbench {__version__}\n"
    wrong = colorbench("rnu", cwd=tmp_path)
    assert wrong.returncode == 2
    assert "Did you mean 'run'?" in wrong.stderr
