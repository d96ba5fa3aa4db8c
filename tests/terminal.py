"""Terminal: a shell that runs one command after the other, as a reader of the docs types them."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

END = "@end-of-command"
DEADLINE = 120  # seconds for a command


class Terminal:
    """A shell with a folder and variables of its own; ``with`` ends it and everything that it started.

    Commands find nothing on their standard input, so that none asks a question.
    """

    def __init__(self, folder: Path, **env: str) -> None:
        self.output = ""  # all of it, of a program that stays in the foreground
        self._code = 0
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc"], cwd=folder, env=env, text=True, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        self._shell.wait(10)

    def run(self, command: str) -> str:
        """Run a command to its end and return its output. ``$?`` is the exit code of the command before."""
        watchdog = threading.Timer(DEADLINE, self._end)
        watchdog.start()
        try:
            self._write(f"(exit {self._code}); {{ {command}\n}} </dev/null; printf '\\n{END} %d\\n' $?\n")
            lines: list[str] = []
            assert self._shell.stdout is not None
            for line in self._shell.stdout:
                if line.startswith(END):
                    self._code = int(line.split()[1])
                    return "".join(lines)
                lines.append(line)
        finally:
            watchdog.cancel()
        raise AssertionError(f"{command} did not end within {DEADLINE} s: {''.join(lines)[-3000:]}")

    def stay(self, command: str, ready: Callable[[], bool]) -> None:
        """Start a program that stays in the foreground, and wait until it is ready."""
        self._write(f"{command} </dev/null\n")
        threading.Thread(target=self._read, daemon=True).start()
        until = time.monotonic() + DEADLINE
        while not ready():
            assert time.monotonic() < until, f"{command} is not ready after {DEADLINE} s: {self.output}"
            time.sleep(0.05)

    def _write(self, text: str) -> None:
        assert self._shell.stdin is not None
        self._shell.stdin.write(text)
        self._shell.stdin.flush()

    def _read(self) -> None:
        assert self._shell.stdout is not None
        for line in self._shell.stdout:
            self.output += line

    def _end(self) -> None:
        if self._shell.poll() is None:
            os.killpg(self._shell.pid, signal.SIGKILL)
