"""The command line, as a user meets it: real processes, real photos, a small budget."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

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


def colorbench(*arguments, cwd, **environment):
    variables = os.environ | {"PYTHONPATH": os.getcwd(), "OMP_NUM_THREADS": "1", "COLUMNS": "160"} | environment
    for name in [name for name, value in variables.items() if value is None]:
        variables.pop(name)
    return subprocess.run(
        [sys.executable, "-m", "colorbench.cli", *map(str, arguments)],
        cwd=cwd,
        env=variables,
        capture_output=True,
        text=True,
        timeout=240,
    )


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    """The main job, once: no weights, no network."""
    folder = tmp_path_factory.mktemp("main")
    (folder / "small.toml").write_text(SUITE)
    weightless = {
        "COLORBENCH_WEIGHTS": None,
        "TORCH_HOME": str(folder / "hub"),
        "COLORBENCH_CACHE": str(folder / "cache"),
    }
    return folder, colorbench("run", "small.toml", cwd=folder, **weightless), weightless


def test_the_main_job_leaves_a_board(board):
    folder, result, _ = board
    assert result.returncode == 0, result.stderr
    assert "A note of its own." in result.stdout
    left = folder / "runs" / "small"
    assert {"table.csv", "table.md", "table.parquet", "index.html"} <= {p.name for p in (left / "board").iterdir()}
    assert list((left / "board" / "plots").glob("*.png"))
    assert (left / "unet+100xl1+patchgan-layers-1-width-8" / "seed-0" / "record.json").exists()


def test_what_needs_weights_is_named_and_empty(board):
    _, result, _ = board
    assert "unet+perceptual seed 0: skipped" in result.stdout
    assert "lpips-vgg is an empty column" in result.stdout
    assert "COLORBENCH_WEIGHTS" in result.stdout


def test_a_second_call_finds_all_done(board):
    folder, _, weightless = board
    dry = colorbench("run", "small.toml", "--dry-run", cwd=folder, **weightless)
    assert dry.returncode == 0
    assert "1 of 4 cells to run" in dry.stdout  # the skipped one is tried again


def test_another_budget_into_the_same_folder_is_refused(board):
    folder, _, weightless = board
    result = colorbench("run", "small.toml", "--budget", "4steps", cwd=folder, **weightless)
    assert result.returncode == 1
    assert "choose another --out" in result.stderr
    assert "Traceback" not in result.stderr


def test_colorize_with_its_checkpoint(board):
    folder, _, weightless = board
    Image.fromarray(np.full((50, 40, 3), 120, np.uint8)).save(folder / "old.png")
    checkpoint = next((folder / "runs").rglob("checkpoint.safetensors"))
    result = colorbench("colorize", checkpoint, "old.png", "--out", "new", cwd=folder, **weightless)
    assert result.returncode == 0, result.stderr
    with Image.open(folder / "new" / "old.png") as colored:
        assert colored.size == (40, 50)


def test_score_folder_against_folder(board):
    folder, _, weightless = board
    cell = next((folder / "runs").rglob("predictions"))
    references = folder / "runs" / "small" / "references"
    result = colorbench(
        "score", cell, references, "--metrics", "psnr,colorfulness", "--out", "rows.csv", cwd=folder, **weightless
    )
    assert result.returncode == 0, result.stderr
    assert "psnr" in result.stdout
    assert len((folder / "rows.csv").read_text().splitlines()) == 5


def test_status_of_a_finished_run(board):
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
        (["run", "mini", "--budget", "soon"], 1, "500steps"),
        (["run", "mini", "--data", "./nowhere"], 1, "nowhere"),
        (["run", "mini", "--data", "./empty"], 1, "empty"),
        (
            ["run", "mini", "--executor", "kubernetes"],
            2,
            "unknown executor 'kubernetes'; known executors: local, ray, slurm",
        ),
        (["run", "mini", "--plugin", "none.py"], 1, "no plug-in file"),
        (["score", "empty", "empty"], 1, "empty"),
        (["colorize", "none.safetensors", "x.png"], 1, "no checkpoint at none.safetensors"),
        (["run", "nano", "--data", "./empty"], 1, "run `colorbench calibrate nano --data ...` on the reference GPU"),
        (["run", "mini", "--table", "none.json"], 1, "there is no step table none.json"),
        (["run", "ade20k", "--data", "./empty"], 1, "put (or link) its training photos into train/"),
        (["calibrate", "mini", "--generator", "unett"], 2, "unknown generator 'unett'"),
        (["calibrate", "s"], 1, "dataset 'folder' needs a folder"),
        (["schema", "sweets"], 2, "unknown schema 'sweets'; known schemas: record, suite, table"),
        (["list", "sweets"], 2, "unknown table 'sweets'"),
    ],
)
def test_wrong_arguments_get_one_line(tmp_path, arguments, status, message):
    (tmp_path / "empty").mkdir()
    result = colorbench(*arguments, cwd=tmp_path)
    assert result.returncode == status, result.stderr + result.stdout
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "runs").write_text("a file where a folder should be")
    result = colorbench("run", "mini", "--generator", "unet", "--loss", "l1", "--budget", "1steps", cwd=tmp_path)
    assert result.returncode == 1
    assert "runs" in result.stderr
    assert "Traceback" not in result.stderr


def test_list_and_help_are_quick_and_complete(tmp_path):
    listed = colorbench("list", "losses", cwd=tmp_path)
    assert "patchgan" in listed.stdout
    code = "import sys, colorbench.cli; print(sorted({'torch', 'pandas', 'pydantic', 'numpy'} & set(sys.modules)))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | {"PYTHONPATH": os.getcwd()}
    )
    assert result.stdout.strip() == "[]"
