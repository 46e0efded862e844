"""`colorbench leaderboard` as it is typed; what the commands do is tested beside the functions that they call."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from colorbench.cli import app
from colorbench.errors import WrongUsage
from colorbench.record import read_record
from tests.leaderboard.conftest import Factory

ROOT = str(Path(__file__).parents[1])


def leaderboard(*arguments):
    return CliRunner().invoke(app, ["leaderboard", *map(str, arguments)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Records of one entry and gray; not to be changed."""
    small = {"generators": ["unet"], "losses": {"l1": 0.0}, "seeds": 2, "photos": 4, "baselines": {"gray": -3.0}}
    return Factory(tmp_path_factory.mktemp("commands"))(**small, pictures=False)


def test_a_board_is_exported_and_checked(folder, tmp_path):
    exported = leaderboard("export", folder, tmp_path / "kept")
    assert exported.exit_code == 0, exported.output
    assert exported.output == f"written to {tmp_path / 'kept'}\n"
    checked = json.loads(leaderboard("check", tmp_path / "kept", "--no-rescore", "--json").stdout)
    assert {row["record"].split("/")[0] for row in checked} >= {"unet+l1", "gray"}


def test_a_page_shows_how_far_its_records_were_checked(folder, tmp_path):
    pages = []
    for options in ([], ["--badges"]):
        built = leaderboard("build", folder, "--out", tmp_path / "board", "--no-pictures", *options)
        assert built.exit_code == 0, built.output
        pages.append((tmp_path / "board" / "runs" / "unet+l1-seed-0.html").read_text())
    held = [">valid</" in page for page in pages]
    assert held == [False, True]


def test_pictures_are_entered_with_their_lightness_or_as_they_are(tmp_path):
    small = {"generators": ["unet"], "losses": {"l1": 0.0}, "seeds": 1, "photos": 4, "baselines": {}}
    folder, kept = Factory(tmp_path)(**small), []
    for name, option in (("with", "--keep-lightness"), ("as-is", "--no-keep-lightness")):
        given = ["--name", name, "--license", "MIT", option]
        done = leaderboard("submit", folder / "unet+l1" / "seed-0" / "predictions", folder, *given)
        assert done.exit_code == 0, done.output
        kept.append(read_record(folder / "submissions" / name / "seed-0" / "record.json").cell.recipe.keep_lightness)
    assert kept == [True, False]


def test_an_entrys_scores_go_into_a_model_card(folder, tmp_path):
    assert leaderboard("card", folder, "unet+l1", tmp_path / "README.md").exit_code == 0
    assert "model-index" in (tmp_path / "README.md").read_text()


@pytest.mark.parametrize("option", ["--badges", "--set-intervals", "--all-metrics", "--photo=0000photo"])
def test_what_goes_with_one_suite_is_refused_for_a_folder_of_suites(folder, option):
    built = leaderboard("build", folder.parent, option)
    assert isinstance(built.exception, WrongUsage)


def test_a_folder_without_records_is_refused(tmp_path):
    for command in (
        ("build", tmp_path),
        ("publish", tmp_path, tmp_path / "site"),
        ("export", tmp_path, tmp_path / "x"),
    ):
        assert isinstance(leaderboard(*command).exception, FileNotFoundError)


def test_a_board_is_served_until_ctrl_c(interruptible, tmp_path):
    (tmp_path / "index.html").write_text("a board")
    command = [sys.executable, "-m", "colorbench", "leaderboard", "serve", ".", "--port", "0"]
    environment = os.environ | {"PYTHONPATH": ROOT, "PYTHONUNBUFFERED": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, **pipes) as process:
        assert "http://127.0.0.1:" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
    assert (process.returncode, said) == (130, "colorbench: stopped\n")
