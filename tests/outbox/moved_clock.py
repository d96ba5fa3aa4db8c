"""A clock that a test moves, also in another process: a file has the seconds by which it is ahead.

``python -m tests.outbox.moved_clock FILE relay`` is ``scrapy relay`` with this clock: the waits of the relay and of its
deliveries end by it, and so do the leases and the ages of events, which are by the clock of the database. The clients
of the brokers have the real clock.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from models import run
from outbox import command, delivery, relay, wake_up

LOOK = 0.02  # seconds between two looks at the file
STATEMENTS = {  # of the clock of a database that is some seconds ahead
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f', 'now', '+{} seconds')",
    "postgresql": "clock_timestamp() + interval '{} seconds'",
    "mysql": "UTC_TIMESTAMP(6) + INTERVAL {} SECOND",
    "mariadb": "UTC_TIMESTAMP(6) + INTERVAL {} SECOND",
}


class MovedClock:
    def __init__(self, file: Path) -> None:
        self.file = file

    @property
    def ahead(self) -> int:
        return int(self.file.read_text() or 0) if self.file.exists() else 0

    def move(self, seconds: int) -> None:
        new = self.file.with_suffix(".new")
        new.write_text(str(self.ahead + seconds))
        new.replace(self.file)

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead

    def wait(self, timeout: float | None, wait: Callable[[float | None], bool]) -> bool:
        """Wait until ``wait`` returns True, or until a time is over by this clock."""
        if timeout is None:
            return wait(None)
        until = self.monotonic() + timeout
        while (left := until - self.monotonic()) > 0:
            if wait(min(left, LOOK)):
                return True
        return False

    def statements(self) -> dict[str, str]:
        """Return ``models.run.CLOCKS`` with this clock. It is read for each query."""
        clock = self

        class Clocks(dict[str, str]):
            def __getitem__(self, dialect: str) -> str:
                return super().__getitem__(dialect).format(clock.ahead)

        return Clocks(STATEMENTS)

    def install(self) -> None:
        """Let the relay of this process have this clock."""
        clock = self

        class Condition(threading.Condition):
            def wait(self, timeout: float | None = None) -> bool:
                return clock.wait(timeout, super().wait)

            def wait_for(self, predicate: Callable[[], Any], timeout: float | None = None) -> Any:
                return clock.wait(
                    timeout, lambda seconds: super(Condition, self).wait_for(predicate, seconds)
                )

        class Event(threading.Event):
            def wait(self, timeout: float | None = None) -> bool:
                return clock.wait(timeout, super().wait)

        class Datetime(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> Datetime:
                return super().now(tz) + timedelta(seconds=clock.ahead)

        moved_time = SimpleNamespace(monotonic=self.monotonic, sleep=time.sleep)
        moved_waits = SimpleNamespace(Condition=Condition, Event=Event)
        for module in (delivery, relay, wake_up):
            module.time, module.threading = moved_time, moved_waits  # type: ignore[attr-defined]
        command.datetime = Datetime  # type: ignore[misc]
        run.CLOCKS = self.statements()


if __name__ == "__main__":
    from scrapy.cmdline import execute

    MovedClock(Path(sys.argv[1])).install()
    execute(["scrapy", *sys.argv[2:]])
