"""Process: a unique name for a process of the operating system, and whether it is alive."""

from __future__ import annotations

import os
import socket
import uuid
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

import psutil


@dataclass(frozen=True, kw_only=True)
class Process:
    """A process: its host, its process id and its start time."""

    host: str
    pid: int
    started: float  # seconds since the epoch; the system reuses process ids
    token: str  # random: containers may have the same host name and process id

    @staticmethod
    @cache
    def current() -> Process:
        return Process(
            host=socket.gethostname(),
            pid=os.getpid(),
            started=psutil.Process().create_time(),
            token=uuid.uuid4().hex[:12],
        )

    @staticmethod
    def parse(text: str) -> Process | None:
        """Return the process whose ``str`` is ``text``; None if the text has another form."""
        try:
            host, pid, started, token = text.rsplit(" ", 3)
            return Process(host=host, pid=int(pid), started=float(started), token=token)
        except ValueError:
            return None

    def __str__(self) -> str:
        return f"{self.host} {self.pid} {self.started} {self.token}"

    @property
    def shown(self) -> str:
        """Return the process for a message."""
        return f"process {self.pid} on {self.host}"

    def may_be_alive(self, heartbeat_age: timedelta, timeout: timedelta) -> bool:
        """Return whether the process may be alive.

        On this host the process table decides. A process of another container with the same host name is not in it and
        counts as dead. For another host, or if the process table cannot be read, the age of the heartbeat decides.

        Args:
            heartbeat_age: the age of the last heartbeat.
            timeout: a heartbeat of this age or more means that the process is dead.
        """
        if self.host == socket.gethostname():
            try:
                return abs(psutil.Process(self.pid).create_time() - self.started) < 1
            except psutil.NoSuchProcess:
                return False
            except psutil.Error:
                pass
        return heartbeat_age < timeout
