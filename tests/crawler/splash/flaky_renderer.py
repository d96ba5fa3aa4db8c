"""Renderers with faults: they end and start again, hang, answer nonsense, or start late."""

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
from pathlib import Path

from tests.crawler.splash.hung_chromium import pages_done
from tests.processes import ROOT


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class FlakyRenderer:
    """A renderer of ours that is killed again and again during its work, and started again at once.

    It answers when the ``with`` block begins.
    """

    def __init__(self, port: int, *, database: Path | None = None, every: int = 0) -> None:
        """Kill the renderer each time that a crawl has ``every`` more pages done in its database.

        Without a database it is killed at the end only.
        """
        self.port, self.database, self.every = port, database, every
        self.kills = 0
        self._over = threading.Event()
        self._listens = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
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
            self._listens.set()
            self._wait_for_pages()
            self.kills += not self._over.is_set()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _wait_for_pages(self) -> None:
        if self.database is None:
            self._over.wait()
            return
        enough = pages_done(self.database) + self.every
        while not self._over.wait(0.1) and pages_done(self.database) < enough:
            pass

    def __enter__(self) -> FlakyRenderer:
        self._thread.start()
        assert self._listens.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Kill the renderer and do not start it again."""
        self._over.set()
        self._thread.join(20)


@contextlib.contextmanager
def silent() -> Iterator[str]:
    """Yield the URL of a server that accepts connections and never answers."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)

        def accept() -> None:
            connections = []
            while not over.is_set():
                with contextlib.suppress(TimeoutError):
                    connections.append(listener.accept()[0])
            for connection in connections:
                connection.close()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        over.set()
        thread.join(5)


@contextlib.contextmanager
def dying_of(poison: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the URL of a renderer, and the list of the URLs that it is asked for.

    All its pages are the same, but it closes the connection if a page's URL contains ``poison``.
    """
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
    """Yield the URL of a server that is no renderer, and the list of the paths that it is asked for.

    It answers each render with this status and a foreign page, or with ``hangs`` never. With ``pings`` it answers
    ``/_ping`` like a healthy renderer.
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
