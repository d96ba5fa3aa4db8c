"""Renderers that do what renderers do: die and come back, hang, answer nonsense, come late."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.processes import ROOT


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class Killed:
    """A renderer of ours that is killed again and again, while it is at work, and started again at once."""

    def __init__(self, port: int, *, every: float = 1000.0, late: float = 0.0) -> None:
        """``every`` is in seconds from when it answers; ``late``, in seconds, is when it is first started."""
        self.port, self.every, self.late = port, every, late
        self.times = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        if self._over.wait(self.late):
            return
        while not self._over.is_set():
            process = subprocess.Popen(
                [sys.executable, "-m", "renderer", "--port", str(self.port), "--exit-with-stdin"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            assert process.stdout is not None
            process.stdout.readline()  # it listens, or has ended
            self._over.wait(self.every)
            self.times += not self._over.is_set()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def __enter__(self) -> Killed:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Kill it for good."""
        self._over.set()
        self._thread.join(20)


@contextlib.contextmanager
def silent() -> Iterator[str]:
    """Accepts connections and never says a word."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)

        def accept() -> None:
            kept = []
            while not over.is_set():
                with contextlib.suppress(TimeoutError):
                    kept.append(listener.accept()[0])
            for connection in kept:
                connection.close()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        over.set()
        thread.join(5)


@contextlib.contextmanager
def dying_of(poison: str) -> Iterator[tuple[str, list[str]]]:
    """Renders every page, all alike, but closes the connection on those whose URL has this in it; yields its URL and
    the URLs that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            url = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))["url"]
            asked.append(url)
            time.sleep(0.1)
            if poison in url:
                self.close_connection = True
            else:
                self.answer(b'{"html": "<p>page</p>", "appeared": true}')

        def do_GET(self) -> None:
            self.answer(b'{"status": "ok"}')

        def answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


@contextlib.contextmanager
def broken(status: int, *, pings: bool, hangs: bool = False) -> Iterator[tuple[str, list[str]]]:
    """Answers each render with a page of somebody else's and this status, or never; yields its URL and what it was
    asked.

    With ``pings`` it says that it is well.
    """
    asked: list[str] = []
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.append(self.path)
            if hangs:
                over.wait(120)
            self.answer(status, b"<h1>Something went wrong</h1>")

        def do_GET(self) -> None:
            self.answer(200, b'{"status": "ok"}') if pings else self.answer(status, b"no")

        def answer(self, status: int, body: bytes) -> None:
            with contextlib.suppress(OSError):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    over.set()
    server.shutdown()
    server.server_close()
