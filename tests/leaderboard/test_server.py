import os
import socket
import threading
import urllib.error
import urllib.request
from contextlib import suppress

import pytest

from colorbench.leaderboard import serve
from colorbench.leaderboard.server import MOST_THREADS


@pytest.fixture
def served(tmp_path):
    board = tmp_path / "run" / "board"
    board.mkdir(parents=True)
    (board / "index.html").write_text("the board")
    (tmp_path / "run" / "secret.txt").write_text("secret")
    (board / "link.txt").symlink_to(tmp_path / "run" / "secret.txt")
    (board / "runs").mkdir()
    running = serve(tmp_path / "run", port=0)
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{running.server_address[1]}"
    running.shutdown()
    running.server_close()
    thread.join()


def test_the_board_on_loopback_alone(served):
    with urllib.request.urlopen(served + "/") as answer:
        assert answer.read() == b"the board"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/link.txt", "/../secret.txt", "/%2e%2e/secret.txt", "/runs/", "/nothing"])
def test_nothing_else_is_served(served, path):
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(served + path)
    with caught.value as error:
        assert error.code == 404


def test_no_board_no_server(tmp_path):
    with pytest.raises(FileNotFoundError, match="no board"):
        serve(tmp_path)


def raw_request(address: str, text: bytes) -> bytes:
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(text)
        return connection.recv(100)


def test_another_host_name_reads_nothing(served):
    assert b" 403 " in raw_request(served, b"GET / HTTP/1.0\r\nHost: evil.example\r\n\r\n")
    assert b" 403 " in raw_request(served, b"GET / HTTP/1.0\r\n\r\n")
    assert b" 200 " in raw_request(served, b"GET / HTTP/1.0\r\nHost: localhost:8000\r\n\r\n")


def test_a_pipe_is_not_opened(served, tmp_path):
    os.mkfifo(tmp_path / "run" / "board" / "pipe")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(served + "/pipe", timeout=20)
    with caught.value as error:
        assert error.code == 404


def test_idle_connections_hold_few_threads_and_not_for_ever(served, monkeypatch):
    monkeypatch.setattr("colorbench.leaderboard.server._Files.timeout", 0.5)
    before, (host, port) = threading.active_count(), served.removeprefix("http://").split(":")
    idle = [socket.create_connection((host, int(port)), timeout=20) for _ in range(3 * MOST_THREADS)]
    with urllib.request.urlopen(served + "/", timeout=60) as answer:  # waits behind the idle ones, and is answered
        assert answer.status == 200
    assert threading.active_count() - before <= MOST_THREADS
    for connection in idle:
        connection.close()


def test_a_client_that_sends_a_letter_now_and_then_is_ended(served, monkeypatch):
    monkeypatch.setattr("colorbench.leaderboard.server.LONGEST_SECONDS", 1.0)
    host, port = served.removeprefix("http://").split(":")
    slow = [socket.create_connection((host, int(port)), timeout=20) for _ in range(MOST_THREADS)]
    ended = threading.Event()

    def trickle():
        while not ended.wait(0.1):
            for connection in slow:
                with suppress(OSError):
                    connection.sendall(b"G")

    thread = threading.Thread(target=trickle)
    thread.start()
    try:
        with urllib.request.urlopen(served + "/", timeout=60) as answer:
            assert answer.status == 200
    finally:
        ended.set()
        thread.join()
        for connection in slow:
            connection.close()


@pytest.mark.parametrize(
    "path", ["/%00", "/" + "x" * 5000, "/loop", "/%ff%fe", "/runs/../../secret.txt", "//evil.example/"]
)
def test_odd_paths_are_answered(served, tmp_path, path):
    (tmp_path / "run" / "board" / "loop").symlink_to("loop")
    answer = raw_request(served, f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
    assert b" 404 " in answer


@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", b" 200 "), ("POST", b" 501 "), ("PUT", b" 501 "), ("TRACE", b" 501 ")]
)
def test_other_methods(served, method, status):
    answer = raw_request(served, f"{method} / HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
    assert status in answer
    assert b"the board" not in answer
    assert b" 403 " in raw_request(served, b"HEAD / HTTP/1.0\r\nHost: evil.example\r\n\r\n")
