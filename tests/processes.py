"""Start our servers as processes, as their users do, and end them in any case."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent


@contextlib.contextmanager
def server(
    *module_and_options: str, env: dict[str, str] | None = None, deadline: float = 30
) -> Iterator[str]:
    """Run ``python -m ...`` during the block, and yield the URL of its first line ``listening on URL``."""
    with started(*module_and_options, env=env, deadline=deadline) as (url, _):
        yield url


@contextlib.contextmanager
def started(
    *module_and_options: str, env: dict[str, str] | None = None, deadline: float = 30
) -> Iterator[tuple[str, int]]:
    """Do the same as ``server``, and yield the URL and the pid."""
    process = subprocess.Popen(
        [sys.executable, "-m", *module_and_options],
        cwd=ROOT,
        env=os.environ | (env or {}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    watchdog = threading.Timer(deadline, process.kill)
    watchdog.start()
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        watchdog.cancel()
        assert line.startswith("listening on "), f"{module_and_options} did not start: {line!r}"
        yield line.removeprefix("listening on ").strip(), process.pid
    finally:
        watchdog.cancel()
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """Return a loopback port on which no process listens now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
