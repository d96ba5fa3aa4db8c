"""Child processes that end with their parent, also if that is killed: their standard input is a pipe from it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

OPTION = "--exit-with-stdin"
OPTION_HELP = "exit when standard input ends: for a parent process that must leave nothing behind"


@contextlib.contextmanager
def child_process(
    arguments: Sequence[str],
    *,
    folder: Path,
    environ: Mapping[str, str] | None = None,
    output: int | IO[bytes] | None = None,
    seconds: float = 5,
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program with ``--exit-with-stdin`` and yield it; it ends with this block, or with this process.

    It is in a session of its own, so that Ctrl-C in a terminal reaches only this process, which ends it in order.

    Args:
        output: its standard output and error; None: those of this process.
        seconds: that it may take to end; then it is killed.
    """
    child = subprocess.Popen(
        [*arguments, OPTION],
        cwd=folder,
        env=environ,
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        start_new_session=True,
    )
    assert child.stdin is not None
    try:
        yield child
    finally:
        child.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(seconds)
        if child.poll() is None:
            child.kill()
            child.wait()


def end_with_stdin() -> None:
    """Send SIGTERM to this process when its standard input ends, as the parent does that has started it."""

    def wait() -> None:
        with contextlib.suppress(OSError, ValueError):
            # Not by sys.stdin: its lock would be held in each process that this one forks, and abort its end.
            while os.read(0, 1024):
                pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="end with stdin", daemon=True).start()
