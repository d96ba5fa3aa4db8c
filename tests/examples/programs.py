"""Run a program of examples/ as its users do, and give it the events that a real relay sends."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session

from models import OutboxEvent, OutboxSink
from models.relay import sink_states
from outbox.address import addresses_of
from outbox.relay import Relay, RelayEnd
from outbox.sinks import make_sink
from tests.outbox.events import store_changes
from tests.processes import ROOT

DEADLINE = 60.0  # seconds
KEEP = timedelta(days=7)


class Program:
    """A running program of examples/. Its output is read all the time."""

    def __init__(self, name: str, *arguments: str, **env: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "examples" / name), *arguments],
            cwd="/",  # a copied program has no module of ours beside it
            env=os.environ | env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        self.errors: list[str] = []
        self.readers = [
            threading.Thread(target=self._read, args=(stream, lines), daemon=True)
            for stream, lines in ((self.process.stdout, self.lines), (self.process.stderr, self.errors))
        ]
        for reader in self.readers:
            reader.start()

    @staticmethod
    def _read(stream: Any, lines: list[str]) -> None:
        lines.extend(line.rstrip("\n") for line in stream)

    @property
    def events(self) -> list[dict[str, Any]]:
        """Return the events of the output; each line is one."""
        return [json.loads(line) for line in list(self.lines)]

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition while the program runs."""
        until = time.monotonic() + DEADLINE
        while not condition():
            assert self.process.poll() is None, "\n".join(self.errors[-20:])
            assert time.monotonic() < until, "\n".join(["the deadline is over", *self.errors[-20:]])
            time.sleep(0.01)

    def wait(self) -> int:
        """Wait until the program has ended, and return its exit code."""
        code = self.process.wait(DEADLINE)
        for reader in self.readers:
            reader.join(DEADLINE)
        return code

    def stop(self) -> int:
        """End the program as Ctrl-C and service managers do, and return its exit code."""
        self.process.terminate()
        return self.wait()

    def kill(self) -> None:
        """End the program as kill -9 does."""
        self.process.kill()
        self.wait()


@contextlib.contextmanager
def program(name: str, *arguments: str, **env: str) -> Iterator[Program]:
    """Run a program of examples/ during the block."""
    running = Program(name, *arguments, **env)
    try:
        yield running
    finally:
        running.kill()


# --- Events ----------------------------------------------------------------------------------------------------------


def send(engine: Engine, url: str) -> None:
    """Send the events of the outbox to a sink, as ``scrapy relay --once`` does."""
    sinks = {address.name: make_sink(address) for address in addresses_of(url)}
    assert Relay(engine, sinks, keep=KEEP).run(once=True) == RelayEnd(lost=False, errors={})
    with Session(engine) as session:
        assert [state.refused for state in sink_states(session)] == [0]


def forget_confirmations(engine: Engine) -> None:
    """Let the next relay send all events again, as after a loss of the broker's confirmations."""
    with Session(engine) as session:
        session.execute(update(OutboxSink).values(position=0))
        session.commit()


def send_with_repeats(engine: Engine, url: str) -> int:
    """Change each of three rows several times, send each change but the last of each row twice; return the changes.

    The last change of each row is sent after all repeats, so a consumer that has it has got them.
    """
    store_changes(engine, [[1, 2, 3], [2], [2, 3]])
    send(engine, url)
    forget_confirmations(engine)
    store_changes(engine, [[1, 2, 3]])
    send(engine, url)
    return count_events(engine)


def count_events(engine: Engine) -> int:
    with Session(engine) as session:
        return session.scalar(select(func.count()).select_from(OutboxEvent)) or 0


# --- The database of a consumer --------------------------------------------------------------------------------------


def works(file: Path) -> list[tuple[Any, ...]]:
    """Return the rows of the table ``work``, in the order of their insertion: subject, kind and changes first."""
    with contextlib.closing(sqlite3.connect(file, timeout=DEADLINE)) as database:
        try:
            return database.execute("SELECT * FROM work ORDER BY rowid").fetchall()
        except sqlite3.OperationalError:  # the program has not made it yet
            return []


def works_by_row(file: Path) -> dict[str, list[Any]]:
    """Return the work on each row, in its order, as ``tests.outbox.events.history`` returns the changes."""
    found: dict[str, list[Any]] = {}
    for subject, kind, changed, *_ in works(file):
        found.setdefault(subject, []).append([kind, json.loads(changed)])
    return found
