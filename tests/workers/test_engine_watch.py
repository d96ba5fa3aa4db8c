"""A broker that is away, or gives partitions to nobody: workers say so, and end after their patience."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from frontier.engine_watch import EngineWatch


class Watched:
    """A watch with a patience of 60 seconds, and a clock of its own."""

    def __init__(self) -> None:
        self.now, self.stopped = 100.0, list[str]()
        self.engine: Any = SimpleNamespace(error=None)
        self.watch = EngineWatch(self.engine, 8, patience=60.0, stop=self.stopped.append)

    def after(self, seconds: float, *free: int) -> None:
        self.watch.note_free(frozenset(free))
        self.watch.check()
        self.now += seconds
        self.watch.check()


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    made = Watched()
    monkeypatch.setattr("frontier.engine_watch.time.monotonic", lambda: made.now)
    yield made


def test_a_broker_that_gives_partitions_to_nobody_stops_the_worker_after_its_patience(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    """Tansu does so for ever in one case, and so does a topic with fewer partitions than the run."""
    watched.after(40, 3, 4, 5)
    (message,) = caplog.messages
    assert message.startswith("the broker of WORKERS_URL gives 3 of 8 partitions to no worker: check it")
    assert not watched.stopped
    watched.after(40, 5, 6)
    assert len(caplog.messages) == 1 and "for 60 s; or crawl without WORKERS_URL" in watched.stopped[0]


def test_partitions_that_are_free_while_workers_come_and_go_are_no_fault(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    for part in range(8):
        watched.after(20, part)
    assert not watched.stopped and not caplog.messages


def test_a_broker_that_is_back_in_time_stops_nothing(watched: Watched) -> None:
    for _ in range(2):
        watched.engine.error = "connection refused"
        watched.after(50)
        watched.engine.error = None
        watched.after(5)
    assert not watched.stopped
    watched.engine.error = "connection refused"
    watched.after(61)
    assert "is away (connection refused): start it, for 60 s" in watched.stopped[0]
