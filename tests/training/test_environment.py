"""A record says on what it was made, and not where."""

import os
import platform
import socket
import subprocess
from importlib.metadata import version
from pathlib import Path

import torch

import colorbench
from colorbench.training.environment import describe_environment


def test_versions_and_the_checkout():
    found = describe_environment(torch.device("cpu"))
    assert found.torch.split("+")[0] == version("torch").split("+")[0]
    assert (found.python, found.colorbench) == (platform.python_version(), colorbench.__version__)
    assert (found.cuda, found.driver, found.gpu) == (None, None, None)
    assert found.threads == torch.get_num_threads()
    assert f"{os.cpu_count()} threads" in found.cpu
    root = Path(colorbench.__file__).parents[1]
    ask = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True)
    assert found.git_commit == (ask.stdout.strip() if (root / ".git").exists() else None)


def test_no_machine_and_no_path_is_named():
    text = describe_environment(torch.device("cpu")).model_dump_json()
    for name in (socket.gethostname(), str(Path.home()), str(Path(colorbench.__file__).parents[1])):
        assert name == "/" or name not in text
