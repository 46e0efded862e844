"""The Ray driver's own process where no cluster answers; with a cluster, test_on_ray asks for the rest."""

import json
import socket
import subprocess
import sys

import pytest

from colorbench.grid.ray_driver import _check_answers

SETTINGS = {"cpus": 1, "patience_seconds": 1.0, "environment": {}}


@pytest.fixture
def nobody():
    """An address of this machine at which nothing listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"


def test_without_an_answer_it_says_so_and_ends(nobody):
    command = [sys.executable, "-m", "colorbench.grid.ray_driver"]
    settings = json.dumps(SETTINGS | {"address": nobody})
    done = subprocess.run(command, input=settings + "\n", capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    [message] = [json.loads(line) for line in done.stdout.splitlines()]
    assert f"no answer from its head at {nobody}" in message["gone"]
    assert "start it with `ray start --head`" in message["gone"]


def test_an_address_that_answers_or_is_rays_own_spelling_is_taken(nobody):
    with socket.create_server(("127.0.0.1", 0)) as head:
        _check_answers(f"127.0.0.1:{head.getsockname()[1]}")
    for spelling in ("auto", "local", "ray://head:10001"):
        _check_answers(spelling)
    with pytest.raises(ConnectionError, match="no answer from its head"):
        _check_answers(nobody)
