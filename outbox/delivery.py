"""Delivery: one sink's thread. It sends the committed events in order, and stores the sink's position."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from models.error_text import error_line
from models.relay import (
    ENDED,
    HeldRelay,
    RelayLost,
    hold,
    refused_again,
    runs_of,
    settle_refusals,
    store_error,
    store_position,
)
from models.session import make_sessions
from outbox.batches import Batch, Batches
from outbox.event import Event
from outbox.sink import Outcome, Sink, SinkDown, SinkEnded, WrongSink

logger = logging.getLogger("splashdown.relay")

SHORTEST_WAIT, LONGEST_WAIT = 0.2, 30.0  # seconds between two attempts of a sink that is down
STORE = 0.25  # seconds between two commits of the position while there is more to send
LOOK = 1.0  # seconds after which a delivery looks for refused events to send again


@dataclass
class Progress:
    """What a batch has come to: the position that can be stored, and the outcomes of the events up to it.

    An event that is confirmed after one that is not is sent again: consumers drop the repeat.
    """

    position: int
    outcomes: dict[int, Outcome] = field(default_factory=dict)  # by the id of the event
    sent: int = 0
    refused: dict[int, str] = field(default_factory=dict)  # reasons by the id of the event
    gaps: list[tuple[int, int]] = field(default_factory=list)  # new ones: their first and last ids
    filled: list[tuple[int, int]] = field(default_factory=list)  # the same of events that were in gaps
    failure: Outcome | None = None
    is_complete: bool = False

    def note(self, event: Event, outcome: Outcome) -> None:
        if outcome.failed is not None:
            self.failure = outcome
        else:
            self.outcomes[event.id] = outcome

    def advance(self, batch: Batch) -> None:
        """Move over the events that have an outcome, up to the first one that has none."""
        from_gaps, later = batch.from_gaps, batch.later
        self.is_complete = True
        for event in batch.events:
            outcome = self.outcomes.get(event.id)
            if outcome is None:
                from_gaps = [id_ for id_ in from_gaps if id_ < event.id]
                later = [id_ for id_ in later if id_ < event.id]
                self.is_complete = False
                break
            if outcome.refused is None:
                self.sent += 1
            else:
                self.refused[event.id] = outcome.refused
        self.filled = runs_of(from_gaps)
        if not later:
            return
        if later[-1] - batch.position > len(later):
            end = batch.position
            for first, last in runs_of(later):
                if first > end + 1:
                    self.gaps.append((end + 1, first - 1))
                end = last
        self.position = later[-1]

    @property
    def changes_gaps(self) -> bool:
        return bool(self.gaps or self.filled)

    def add(self, later: Progress) -> None:
        """Add what the next batch has come to."""
        self.position = later.position
        self.sent += later.sent
        self.refused |= later.refused
        self.gaps += later.gaps
        self.filled += later.filled


def waves(events: Sequence[Event]) -> Iterator[list[Event]]:
    """Yield the events in lists that have at most one event of a row, in their order.

    The second event of a row is sent when the first one is confirmed: so their order holds whatever the broker loses.
    """
    left = list(events)
    while len({event.row for event in left}) < len(left):
        rows: set[str] = set()
        wave: list[Event] = []
        later: list[Event] = []
        for event in left:
            row = event.row
            (later if row in rows else wave).append(event)
            rows.add(row)
        yield wave
        left = later
    if left:
        yield left


class Delivery(threading.Thread):
    """Sends events to one sink until it is stopped.

    Args:
        lost: called if another relay has taken over.
        is_open: whether the sink is open; from now on only this thread uses it.
    """

    def __init__(
        self,
        name: str,
        sink: Sink,
        engine: Engine,
        relay: HeldRelay,
        lost: Callable[[], None],
        *,
        is_open: bool = False,
    ) -> None:
        super().__init__(name=f"sink {name}", daemon=True)
        self.sink_name, self.sink, self.relay, self.lost = name, sink, relay, lost
        self.engine, self.sessions = engine, make_sessions(engine)
        self._batches = Batches(engine, name, sink.batch)
        self.error: str | None = None  # why the sink does not get on now
        self.sent = 0  # by this process
        self.refused = 0  # events, by this process
        self.ended = False
        self.has_fault = False  # of our code
        self.attempts = 0  # that failed, one after the other
        self._unstored: Progress | None = None  # what is confirmed or refused since the last commit
        self._stored = 0.0  # when that was
        self._position = 0
        self._idle_at = -1  # the last look that was asked for when there was nothing to send
        self._wake = threading.Condition()
        self._look = 0
        self.is_stopping = False
        self._is_open = is_open
        self._looked = 0.0

    # --- From the relay's thread ----------------------------------------------------------------------------

    def look(self, number: int) -> None:
        """Look for new events. Each call has a larger number."""
        with self._wake:
            self._look = number
            self._wake.notify()

    def is_done(self, look: int) -> bool:
        """Return whether all events that were committed before a look are confirmed or refused."""
        return self._idle_at >= look and self.error is None

    def stop(self) -> None:
        with self._wake:
            self.is_stopping = True
            self._wake.notify()

    # --- In the thread --------------------------------------------------------------------------------------

    def run(self) -> None:
        try:
            while not self.is_stopping and not self.ended:
                self._step()
            self._store()
        except RelayLost:
            self.lost()
        except DBAPIError as error:
            logger.warning(
                "%s: its last events are sent again: the database: %s", self.sink_name, error_line(error)
            )
        except Exception:
            logger.exception("%s: the relay has a fault and stops", self.sink_name)
            self.has_fault = True
            self.lost()
        finally:
            self.sink.close()

    def _step(self) -> None:
        try:
            if not self._is_open:
                self.sink.open()
                self._is_open = True
                self._batches.connected()
            if self._send_next():
                self._recovered()
            else:
                self._wait()
        except SinkEnded as error:
            self._store_error(str(error), ended=True)
        except (SinkDown, WrongSink) as error:
            self._close()
            self._failed(str(error), wait=getattr(error, "wait", 0.0))
        except DBAPIError as error:
            self._failed(f"the database: {error_line(error)}", store=False)

    def _send_next(self) -> bool:
        """Send the next batch; return False if there is none."""
        look = self._look
        if self._unstored is not None and self._unstored.changes_gaps:
            self._store()  # otherwise the next batch could have events that follow those in the gaps
        batch = self._batches.take(self._position)
        self._position = max(self._position, batch.position)
        if batch.state == ENDED:
            self.ended = True
            self.error = "it has ended"
            return False
        again = self._find_refused()
        if again:
            self._send_again(again)
            self._looked = 0.0  # there may be more of them
        if batch.is_empty:
            self._store()
            if not again:
                self._idle_at = look
            return bool(again)
        self._batches.read_ahead(batch)
        began = time.monotonic()
        progress = Progress(position=batch.position)
        try:
            self._send(batch.events, progress)
        finally:
            progress.advance(batch)
            self._note(progress)
            can_wait = progress.is_complete and batch.more and not progress.changes_gaps
            if not can_wait or time.monotonic() - self._stored > STORE:
                self._store()
        if progress.failure is not None:
            if progress.sent:
                self.attempts = 0  # it gets on
            raise SinkDown(progress.failure.failed or "", wait=progress.failure.wait)
        self._batches.note(batch, time.monotonic() - began)
        return True

    def _find_refused(self) -> Sequence[tuple[int, list[str]]]:
        """Return the refused events that a person asked to send again; look for them now and then."""
        if time.monotonic() - self._looked < LOOK:
            return []
        self._looked = time.monotonic()
        with Session(self.engine) as session:
            return refused_again(session, self.sink_name, self.sink.batch)

    def _send(self, events: Sequence[Event], progress: Progress) -> None:
        blocked: set[str] = set()  # rows of which an event must be sent again first
        for wave in waves(events):
            sendable = [event for event in wave if event.row not in blocked] if blocked else wave
            if not sendable:
                continue
            for event, outcome in zip(sendable, self.sink.send(sendable), strict=True):
                progress.note(event, outcome)
                if outcome.failed is not None:
                    blocked.add(event.row)

    def _send_again(self, again: Sequence[tuple[int, list[str]]]) -> None:
        """Send refused events again, on request of a person.

        Raises:
            SinkDown: one of them was not confirmed; it and those after it are sent again later.
        """
        sent: list[int] = []
        refused: dict[int, str] = {}
        try:
            for refusal, fields in again:
                (outcome,) = self.sink.send([Event.of(fields)])
                if outcome.failed is not None:
                    raise SinkDown(outcome.failed, wait=outcome.wait)
                if outcome.refused is not None:
                    refused[refusal] = outcome.refused
                else:
                    sent.append(refusal)
        finally:
            self.sent += len(sent)
            self._tell_refused(refused)
            with self.sessions.begin() as session:
                hold(session, self.relay)
                settle_refusals(session, sent, refused)

    def _tell_refused(self, refused: Mapping[int, str]) -> None:
        self.refused += len(refused)
        for reason, number in Counter(refused.values()).items():
            events = "an event" if number == 1 else f"{number:,} events"
            logger.warning("%s refused %s: %s", self.sink_name, events, reason)

    def _note(self, progress: Progress) -> None:
        """Note what a batch has come to."""
        self._tell_refused(progress.refused)
        self._position = progress.position
        self.sent += progress.sent
        if self._unstored is None:
            self._unstored = progress
        else:
            self._unstored.add(progress)

    def _store(self) -> None:
        """Store what is confirmed or refused. If the database is away, it is stored later."""
        progress = self._unstored
        if progress is None:
            return
        with self.sessions.begin() as session:
            now = hold(session, self.relay)
            store_position(
                session,
                self.sink_name,
                progress.position,
                sent=progress.sent,
                refused=progress.refused,
                now=now,
                gaps=progress.gaps,
                filled=progress.filled,
            )
        self._unstored = None
        self._stored = time.monotonic()

    def _recovered(self) -> None:
        if self.error is not None:
            logger.info("%s gets events again", self.sink_name)
            self._store_error(None)
        self.attempts = 0

    def _failed(self, message: str, *, store: bool = True, wait: float = 0.0) -> None:
        if self.error != message:
            logger.warning("%s gets no events: %s; trying again", self.sink_name, message)
            if store:
                self._store_error(message)
        self.error = message
        self._batches.forget()
        self.attempts += 1
        with self._wake:
            if not self.is_stopping:
                seconds = min(SHORTEST_WAIT * 2 ** min(self.attempts - 1, 10), LONGEST_WAIT)
                self._wake.wait_for(lambda: self.is_stopping, max(seconds, wait))

    def _store_error(self, message: str | None, *, ended: bool = False) -> None:
        if ended:
            self.ended = True
            self.error = message
            logger.warning("%s ends: %s", self.sink_name, message)
        try:
            with self.sessions.begin() as session:
                hold(session, self.relay)
                store_error(session, self.sink_name, message, ended=ended)
        except DBAPIError as error:
            logger.warning("%s: the database: %s", self.sink_name, error_line(error))
        else:
            self.error = message

    def _close(self) -> None:
        self.sink.close()
        self._is_open = False

    def _wait(self) -> None:
        with self._wake:
            if not self.is_stopping and self._look <= self._idle_at:
                self._wake.wait(LOOK)
