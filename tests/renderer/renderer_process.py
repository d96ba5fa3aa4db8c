"""A renderer as a process of its own, and the Chromium processes that it starts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

from tests.renderer.conftest import ROOT, Client
from tests.renderer.polling import until


def chromium_processes(renderer_pid: int) -> set[int]:
    """Return the pids of the Chromium processes that have the profile folder of this renderer in their command line."""
    marker = f"splashdown-chromium-{renderer_pid}-".encode()
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if marker in (folder / "cmdline").read_bytes():
                found.add(int(folder.name))
        except OSError:
            continue
    return found


def session_members(sessions: set[int]) -> set[int]:
    """Return the pids of all processes in these sessions: also zygotes and others that do not name the profile."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) in sessions and fields[0] != "Z":
            found.add(int(folder.name))
    return found


def is_zombie(pid: int) -> bool:
    return ") Z " in Path(f"/proc/{pid}/stat").read_text()


class RendererProcess:
    """``python -m renderer`` on a free port, which exits when its standard input ends."""

    def __init__(self) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "renderer", "--port", "0", "--exit-with-stdin"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def _stdout(self) -> IO[str]:
        assert self.popen.stdout is not None
        return self.popen.stdout

    def client(self) -> Client:
        """Wait until the renderer listens; return a client of it."""
        return Client(self._stdout.readline().removeprefix("listening on ").strip())

    def chromium(self) -> set[int]:
        return chromium_processes(self.pid)

    def leaders(self) -> set[int]:
        """Return the pids of Chromium's browser processes; each leads the session of its child processes."""
        found = set()
        for pid in self.chromium():
            try:
                if os.getsid(pid) == pid:
                    found.add(pid)
            except ProcessLookupError:
                continue
        return found

    def kill_chromium(self) -> set[int]:
        """Kill the browser processes, of which there must be one; return their pids."""
        leaders = self.leaders()
        assert leaders, "the renderer has no Chromium"
        for pid in leaders:
            os.kill(pid, signal.SIGKILL)
        return leaders

    def close_stdin(self) -> None:
        assert self.popen.stdin is not None
        self.popen.stdin.close()

    def assert_no_chromium_remains(self, leaders: set[int]) -> None:
        assert leaders, "the renderer had no Chromium"
        until(lambda: not self.chromium() and not session_members(leaders), 5, "Chromium still runs")

    def stop(self) -> None:
        self.popen.kill()
        self.popen.wait()
        self.close_stdin()
        self._stdout.close()
