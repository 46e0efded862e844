import threading
import urllib.error
import urllib.request

import pytest

from colorbench.leaderboard import serve


@pytest.fixture
def served(tmp_path):
    board = tmp_path / "run" / "board"
    board.mkdir(parents=True)
    (board / "index.html").write_text("the board")
    (tmp_path / "run" / "secret.txt").write_text("secret")
    (board / "link.txt").symlink_to(tmp_path / "run" / "secret.txt")
    (board / "runs").mkdir()
    server = serve(tmp_path / "run", port=0)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
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
