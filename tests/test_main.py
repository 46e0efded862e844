"""How a command begins and ends: Ctrl-C at any moment, and errors."""

import io
import os
import signal
import subprocess
import sys
from contextlib import redirect_stderr
from functools import partial
from pathlib import Path

import pytest

from colorbench.__main__ import main
from tests.typed import call

ROOT = str(Path(__file__).parents[1])
CTRL_C = "import signal\nsignal.raise_signal(signal.SIGINT)\n"


@pytest.mark.parametrize(
    ("arguments", "does"),
    [
        (["run", "mini"], "the same command goes on from here"),
        (["run", "mini", "--dry-run"], "the same command goes on from here"),
        (["calibrate", "mini"], "the same command goes on from here"),
        (["retest", "runs/mini", "--name", "other"], "the same command goes on from here"),
        (["compare", "a", "b"], "the same command goes on from here"),
        (["score", ".", "."], "the same command goes on from here"),
        (["score", ".", ".", "--protocol", "ct2"], "the same command starts over"),
        (["list", "losses"], "the same command starts over"),
    ],
)
def test_ctrl_c_says_what_the_same_command_does(interruptible, tmp_path, arguments, does):
    (tmp_path / "slow.py").write_text(CTRL_C)
    assert call(*arguments, "--plugin", "slow.py", cwd=tmp_path) == (130, "", f"colorbench: stopped; {does}\n")


def test_ctrl_c_that_comes_out_as_another_error(interruptible, tmp_path):
    """As of an import that it has stopped half way."""
    caught = "try:\n    signal.raise_signal(signal.SIGINT)\nexcept KeyboardInterrupt:\n    raise ImportError('half')"
    (tmp_path / "slow.py").write_text(f"import signal\n{caught}\n")
    stopped = call("list", "losses", "--plugin", "slow.py", cwd=tmp_path)
    assert stopped == (130, "", "colorbench: stopped; the same command starts over\n")


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("typer.py", CTRL_C),  # a module of this folder is found first: it stands for the start of the command
        ("slow.py", f"exec({CTRL_C!r})"),  # after which Python would end by the signal
    ],
)
def test_ctrl_c_at_any_moment(tmp_path, file, code):
    (tmp_path / file).write_text(code)
    command = [sys.executable, "-m", "colorbench", "calibrate", "mini", "--plugin", "slow.py"]
    environment = os.environ | {"PYTHONPATH": ROOT}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    heard = partial(signal.signal, signal.SIGINT, signal.default_int_handler)  # tests in the background ignore it
    done = subprocess.run(command, cwd=tmp_path, env=environment, preexec_fn=heard, **pipes)
    assert (done.returncode, done.stderr) == (130, "colorbench: stopped; the same command goes on from here\n")


def test_verbose_shows_where_an_error_comes_from(tmp_path):
    quiet = call("run", "mini", "--budget", "soon", cwd=tmp_path)
    verbose = call("run", "mini", "--budget", "soon", "-v", cwd=tmp_path)
    assert quiet.stderr.count("\n") == 1
    assert "Traceback" in verbose.stderr
    assert verbose.stderr.splitlines()[-1] == quiet.stderr.strip()


def test_names_of_any_bytes_are_printed_in_one_line(tmp_path, monkeypatch):
    """On a pipe of UTF-8, which cannot hold them; an error's name may have terminal codes, too."""
    out = io.TextIOWrapper(io.BytesIO(), "utf-8")
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "argv", ["colorbench", "leaderboard", "check", os.fsdecode(b"a\xff\x1b[31m")])
    with redirect_stderr(io.StringIO()) as told, pytest.raises(SystemExit):
        main()
    assert r"a\xff\x1b[31m" in told.getvalue()
    assert told.getvalue().count("\n") == 1
    print(os.fsdecode(b"\xff"), file=out, flush=True)
    assert out.buffer.getvalue() == b"\\udcff\n"
