"""Batches: a sink's next events, which are read while the sink sends those before."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from models.relay import OutboxSink, events_after, last_number, next_number
from outbox.event import Event

FIRST_SIZE = 100
LONGEST = (
    0.5  # seconds that sending a batch should take: what is sent and not stored is sent again after a crash
)
HEAVIEST = 8 * 2**20  # characters of data that a batch should have


@dataclass(frozen=True, kw_only=True)
class Batch:
    """A sink's next events.

    Attributes:
        position: the number before them, up to which the sink has no other event.
        more: whether there are events after them, of whatever sink.
    """

    position: int
    state: str
    events: Sequence[Event]
    more: bool = False


def next_size(size: int, events: Sequence[Event], seconds: float, most: int) -> int:
    """Return how many events to read next, after a batch that the sink has sent in some seconds.

    The size grows up to what the sink takes. It shrinks for a sink that is slow, and for large events.
    """
    if not events:
        return size
    by_time = len(events) * LONGEST / max(seconds, 0.001)
    by_weight = len(events) * HEAVIEST / max(1, sum(len(event.data) for event in events))
    return max(1, min(most, 2 * size, int(by_time), int(by_weight)))


class Batches:
    """Reads the batches of one sink.

    Args:
        most: how many events a batch has at most.
    """

    def __init__(self, engine: Engine, sink: str, most: int) -> None:
        self.engine, self.sink, self.most = engine, sink, most
        self.size = min(FIRST_SIZE, most)
        self._ahead: Future[Batch] | None = None
        self._empty_until = 0  # the sink has no event between its position and this number

    def take(self, position: int) -> Batch:
        """Return the next batch: the one that was read ahead, or one that is read now.

        Args:
            position: the events up to this number are confirmed or refused, also if that is not stored yet.
        """
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            batch = ahead.result()
            if batch.events:
                return batch
        return self._read(position)

    def read_ahead(self, batch: Batch) -> None:
        """Read what follows a batch, in another thread, if there is more."""
        if not batch.more:
            return
        future: Future[Batch] = Future()
        after = batch.events[-1].sequence

        def read() -> None:
            try:
                future.set_result(self._read(after, ahead=True))
            except BaseException as error:
                future.set_exception(error)

        threading.Thread(target=read, name=f"read ahead {self.sink}", daemon=True).start()
        self._ahead = future

    def forget(self) -> None:
        """Forget what was read ahead, because the events before it must be sent again."""
        self._ahead = None

    def note(self, batch: Batch, seconds: float) -> None:
        """Fit the size of the next batches to the seconds that the sink has needed for one."""
        self.size = next_size(self.size, batch.events, seconds, self.most)

    def _read(self, after: int, *, ahead: bool = False) -> Batch:
        """Read the events after a number, or after the sink's position if that is larger."""
        size = self.size
        with Session(self.engine) as session:
            sink = session.execute(
                select(OutboxSink.position, OutboxSink.state).where(OutboxSink.name == self.sink)
            ).one()
            position = max(sink.position, after, 0 if ahead else self._empty_until)
            last = last_number(session)
            while position < last:
                end = position + size
                events = [Event.of(fields) for fields in events_after(session, self.sink, position, size)]
                if events:
                    return Batch(position=position, state=sink.state, events=events, more=end < last)
                following = next_number(session, end)
                position = last if following is None else following - 1
            if not ahead:
                self._empty_until = max(position, last)
            return Batch(position=position, state=sink.state, events=())
