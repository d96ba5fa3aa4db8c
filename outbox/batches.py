"""Batches: a sink's next events, which are read while the sink sends those before."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from models.event_fields import events_between, next_id
from models.relay import OutboxSink, gaps_with_events
from models.session import with_snapshots
from outbox.event import Event

FIRST_SIZE = 100
GROWTH = 5  # a batch has at most so many times the events of the one before
LONGEST = (
    0.5  # seconds that sending a batch should take: what is sent and not stored is sent again after a crash
)
HEAVIEST = 8 * 2**20  # characters of data that a batch should have


@dataclass(frozen=True, kw_only=True)
class Batch:
    """A sink's next events.

    Attributes:
        position: the id up to which the sink has its events, without those in gaps.
        from_gaps: the ids of the events in gaps, also of another sink's.
        later: the ids of the events after the position, also of another sink's.
        more: whether there are probably events after them.
    """

    position: int
    state: str
    events: Sequence[Event]
    from_gaps: Sequence[int]
    later: Sequence[int]
    more: bool

    @property
    def has_gaps(self) -> bool:
        """Return whether events are from gaps, or there are gaps between them."""
        return bool(self.from_gaps or (self.later and self.later[-1] - self.position > len(self.later)))

    @property
    def is_empty(self) -> bool:
        return not self.from_gaps and not self.later


def next_size(size: int, events: Sequence[Event], seconds: float, most: int) -> int:
    """Return how many events to read next, after a batch that the sink has sent in some seconds.

    The size grows up to what the sink takes. It shrinks for a sink that is slow, and for large events.
    """
    if not events:
        return size
    by_time = len(events) * LONGEST / max(seconds, 0.001)
    by_weight = len(events) * HEAVIEST / max(1, sum(len(event.data) for event in events))
    return max(1, min(most, GROWTH * size, int(by_time), int(by_weight)))


class Batches:
    """Reads the batches of one sink.

    Args:
        most: how many events a batch has at most.
    """

    def __init__(self, engine: Engine, sink: str, most: int) -> None:
        # In one snapshot: otherwise the second event of a row could be seen, and the first one not yet.
        self.engine, self.sink, self.most = with_snapshots(engine), sink, most
        self.size = min(FIRST_SIZE, most)
        self._is_first = True
        self._ahead: Future[Batch] | None = None

    def connected(self) -> None:
        """Note that the sink has a new connection, which it may finish only with the first batch, as Kafka's client."""
        self._is_first = True

    def take(self, position: int) -> Batch:
        """Return the next batch: the one that was read ahead, or one that is read now.

        Args:
            position: the events up to this id are confirmed or refused, also if that is not stored yet.
        """
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            batch = ahead.result()
            if not batch.is_empty:
                return batch
        return self._read(position)

    def read_ahead(self, batch: Batch) -> None:
        """Read what follows a batch, in another thread, if there is more, and if no gaps must be stored before."""
        if not batch.more or batch.has_gaps:
            return
        future: Future[Batch] = Future()
        after = batch.later[-1]

        def read() -> None:
            try:
                future.set_result(self._read(after))
            except BaseException as error:
                future.set_exception(error)

        threading.Thread(target=read, name=f"read ahead {self.sink}", daemon=True).start()
        self._ahead = future

    def forget(self) -> None:
        """Forget what was read ahead, because the events before it must be sent again."""
        self._ahead = None

    def note(self, batch: Batch, seconds: float) -> None:
        """Fit the size of the next batches to the seconds that the sink has needed for one.

        The seconds of the first batch after ``connected`` do not make the size smaller: the connection is part of them.
        """
        if self._is_first and batch.events:
            seconds = min(seconds, LONGEST * len(batch.events) / self.size)
            self._is_first = False
        self.size = next_size(self.size, batch.events, seconds, self.most)

    def _read(self, after: int) -> Batch:
        """Read the events in gaps, and those after an id, or after the sink's position if that is larger."""
        size = self.size
        with Session(self.engine) as session:
            sink = session.execute(
                select(OutboxSink.position, OutboxSink.state).where(OutboxSink.name == self.sink)
            ).one()
            position = max(sink.position, after)
            read: list[list[str]] = []
            for first, last in gaps_with_events(session, [self.sink]):
                end = min(last, first + size - len(read) - 1)
                read += events_between(session, self.sink, first, end)
                if end < last:  # the rest of the gap is before what follows
                    return self._batch(position, sink.state, read, 0, more=True)
            room = size - len(read)
            later = events_between(session, self.sink, position + 1, position + room)
            if not later and not read and (following := next_id(session, position)) is not None:
                later = events_between(session, self.sink, following, following + room - 1)
            return self._batch(position, sink.state, read + later, len(later), more=len(later) == room)

    @staticmethod
    def _batch(position: int, state: str, read: list[list[str]], after: int, *, more: bool) -> Batch:
        """Return the batch of what was read; the last ``after`` of the events come after the position."""
        ids = [int(fields[0]) for fields in read]
        return Batch(
            position=position,
            state=state,
            events=[Event.of(fields) for fields in read if len(fields) > 1],
            from_gaps=ids[: len(ids) - after],
            later=ids[len(ids) - after :],
            more=more,
        )
