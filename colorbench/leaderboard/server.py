"""Show a board on this machine only: a small server of static files on loopback."""

import socket
import stat
import threading
import time
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

MOST_THREADS = 32
IDLE_SECONDS = 10.0
"""A connection on which nothing comes or goes for this many seconds is closed."""
LONGEST_SECONDS = 60.0
"""A connection that lasts longer than this in all is closed too: a slow client may send one byte every few seconds."""
_OWN_NAMES = ("127.0.0.1", "localhost", "[::1]")


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
    return _Server(("127.0.0.1", port), partial(_Files, directory=str(places[0])))


class _Server(ThreadingHTTPServer):
    """At most `MOST_THREADS` requests at a time; the next one waits until one of them is done or was closed."""

    request_queue_size = 4 * MOST_THREADS  # beyond the usual 5, a browser would try again only after seconds

    def __init__(self, *args):
        super().__init__(*args)
        self._free = threading.BoundedSemaphore(MOST_THREADS)
        self._ends: dict[Any, float] = {}  # by socket

    def process_request(self, request, client_address):
        while not self._free.acquire(timeout=0.2):
            self.service_actions()
        self._ends[request] = time.monotonic() + LONGEST_SECONDS
        super().process_request(request, client_address)

    def process_request_thread(self, request, client_address):
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._ends.pop(request, None)
            self._free.release()

    def service_actions(self):
        """Close connections that last too long; called twice a second."""
        now = time.monotonic()
        for request in [request for request, end in list(self._ends.items()) if end < now]:
            with suppress(OSError):  # it has just ended by itself
                request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request, client_address):
        """Ignore it: a broken connection is normal for a browser."""


class _Files(SimpleHTTPRequestHandler):
    """Regular files below one folder; no listings, no links out of it, no lines on the terminal.

    The Host header must name this machine: a foreign page whose name was made to point here (DNS rebinding) reads nothing.
    """

    timeout = IDLE_SECONDS

    def send_head(self):
        if self.headers.get("Host", "").rsplit(":", 1)[0] not in _OWN_NAMES:
            self.send_error(403, "this server answers to 127.0.0.1 alone")
            return None
        if not self._is_here():
            self.send_error(404, "not here")
            return None
        return super().send_head()

    def _is_here(self) -> bool:
        """Whether the path leads to a regular file below the folder."""
        root = Path(self.directory).resolve()
        try:
            here = Path(self.translate_path(self.path)).resolve()
            here = (here / "index.html").resolve() if here.is_dir() else here
            return here.is_relative_to(root) and stat.S_ISREG(here.stat().st_mode)
        except (OSError, ValueError, RuntimeError):  # absent, a name too long; a NUL in it; a loop of links
            return False

    def list_directory(self, path):
        self.send_error(404, "no listing")

    def end_headers(self):
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, format, *args):
        """Print nothing."""
