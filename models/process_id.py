"""A process, by a name that no other one has: which host, which pid, since when."""

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
    host: str
    pid: int
    started: float  # seconds since the epoch; a pid is used again
    token: str  # what tells two of them apart whose hosts cannot be compared, as in containers

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
        """The process of which ``text`` is the ``str``; None if it is no such text."""
        try:
            host, pid, started, token = text.rsplit(" ", 3)
            return Process(host=host, pid=int(pid), started=float(started), token=token)
        except ValueError:
            return None

    def __str__(self) -> str:
        return f"{self.host} {self.pid} {self.started} {self.token}"

    @property
    def shown(self) -> str:
        return f"process {self.pid} on {self.host}"

    def may_be_alive(self, silent: timedelta, lease: timedelta) -> bool:
        """Whether to keep away from what this process holds, which was last heard of ``silent`` ago.

        On its own host one can look. From elsewhere, or where pids mean another thing (containers that share a
        host name), only its silence tells.
        """
        if self.host == socket.gethostname():
            try:
                return abs(psutil.Process(self.pid).create_time() - self.started) < 1
            except psutil.NoSuchProcess:
                return False
            except psutil.Error:
                pass
        return silent < lease
