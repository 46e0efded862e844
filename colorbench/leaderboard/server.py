"""The board on this machine alone: a small server of static files on loopback."""

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def serve(folder: Path, port: int = 8000) -> ThreadingHTTPServer:
    """A server of `folder` on 127.0.0.1, ready for `serve_forever()`; port 0 takes a free one.

    Raises:
        FileNotFoundError: no index.html in `folder` or in its `board`.
        OSError: the port is taken.
    """
    folder = Path(folder)
    places = [place for place in (folder, folder / "board") if (place / "index.html").is_file()]
    if not places:
        raise FileNotFoundError(f"no board in {folder}; `colorbench leaderboard build DIR` makes one")
    return ThreadingHTTPServer(("127.0.0.1", port), partial(_Files, directory=str(places[0])))


class _Files(SimpleHTTPRequestHandler):
    """Files below one folder; no listings, no links out of it, no lines on the terminal."""

    def list_directory(self, path):
        self.send_error(404, "no listing")

    def send_head(self):
        here, root = Path(self.translate_path(self.path)).resolve(), Path(self.directory).resolve()
        if not here.is_relative_to(root):
            self.send_error(404, "not here")
            return None
        return super().send_head()

    def end_headers(self):
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, format, *args):
        """Nothing: a board is looked at, not watched."""
