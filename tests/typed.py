"""The command line as it is typed, in this process."""

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from typing import NamedTuple

import pytest

from colorbench.__main__ import main
from colorbench.console import notes


class Result(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def call(*arguments, cwd, **environment) -> Result:
    """What a command says and its exit status, with these variables; one that is None is unset."""
    said, told = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(told):
        patch.chdir(cwd)
        patch.setattr(sys, "argv", ["colorbench", *map(str, arguments)])
        patch.setattr(notes, "quiet", False)
        for name, value in environment.items():
            patch.delenv(name, raising=False) if value is None else patch.setenv(name, value)
        with pytest.raises(SystemExit) as end:
            main()
    return Result(end.value.code or 0, said.getvalue(), told.getvalue())
