"""Relay: holds the place of the relay, and lets a delivery for each sink send the committed events."""

from __future__ import annotations

import logging
import shlex
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from models.command_name import command
from models.error_text import error_line
from models.relay import (
    HeldRelay,
    RelayLost,
    SinkState,
    claim_relay,
    delete_sent,
    hold,
    release_relay,
    sink_states,
)
from models.session import make_sessions
from outbox.delivery import Delivery
from outbox.sink import Sink, SinkDown
from outbox.wake_up import WakeUp

logger = logging.getLogger("splashdown.relay")

ONCE_WAIT = 0.02  # seconds until the next look whether all is sent, with --once
HEARTBEAT = 4.0  # seconds
CHECK = 10.0  # seconds between two looks at the states of the sinks
DELETED_AT_ONCE = 5000
PATIENCE_ONCE = 3  # attempts of a sink that is down, with --once


@dataclass(frozen=True, kw_only=True)
class RelayEnd:
    """How a relay ended.

    Attributes:
        lost: another relay has taken over.
        interrupted: it was stopped before it had sent what it should send at once.
        errors: of the sinks, by name.
        faults: the sinks whose delivery has raised an error that nothing expects.
        refused: how many events the sinks have refused, by name, without those that refused none.
    """

    lost: bool
    interrupted: bool = False
    errors: Mapping[str, str]
    faults: Sequence[str] = field(default_factory=list)
    refused: Mapping[str, int] = field(default_factory=dict)


class Relay:
    """Sends the events of the outbox to the sinks.

    Args:
        engine: its pool has two connections for each sink and three more.
        sinks: by name.
        keep: for how long events stay after all sinks have confirmed them.
        check: called now and then with the states of the sinks, for alarms and metrics.
    """

    def __init__(
        self,
        engine: Engine,
        sinks: Mapping[str, Sink],
        *,
        keep: timedelta,
        check: Callable[[Sequence[SinkState]], None] = lambda _: None,
    ) -> None:
        self.engine, self.sinks, self.keep, self.check = engine, dict(sinks), keep, check
        self.sessions = make_sessions(engine)
        self.deliveries: list[Delivery] = []
        self._wake_up: WakeUp | None = None
        self._stopping = threading.Event()
        self._lost = False
        self._heartbeat = self._checked = 0.0

    def run(self, *, once: bool = False) -> RelayEnd:
        """Send events until ``stop`` is called; with ``once`` until there is none left that a sink accepts.

        Raises:
            RelayIsAlive: another relay sends the events.
            WrongSink: a sink cannot be used as BROKER_URL names it. A sink that is down is no error.
        """
        relay = claim_relay(self.sessions, list(self.sinks))
        for name, why in relay.missed.items():
            logger.warning(
                "%s is in BROKER_URL again, and %s: `%s` sends it the rows of a table as they are now",
                *(name, why, command(f"events --snapshot TABLE --sink {shlex.quote(name)}")),
            )
        done = False
        try:
            is_open = self._open_sinks()
            self._wake_up = WakeUp(self.engine)
            self.deliveries = [
                Delivery(name, sink, self.engine, relay, self._lose, is_open=name in is_open)
                for name, sink in self.sinks.items()
            ]
            for delivery in self.deliveries:
                delivery.start()
            done = self._serve(relay, once=once)
        except RelayLost:
            self._lost = True
        finally:
            self._end(relay)
        errors = {one.sink_name: one.error for one in self.deliveries if one.error is not None}
        refused = {one.sink_name: one.refused for one in self.deliveries if one.refused}
        faults = [one.sink_name for one in self.deliveries if one.has_fault]
        return RelayEnd(
            lost=self._lost and not faults,
            interrupted=once and not done,
            errors=errors,
            faults=faults,
            refused=refused,
        )

    def stop(self) -> None:
        """End the relay soon. Signal handlers may call it."""
        self._stopping.set()
        if self._wake_up is not None:
            self._wake_up.wake()

    def _lose(self) -> None:
        self._lost = True
        self.stop()

    def _open_sinks(self) -> set[str]:
        """Open each sink, and return the names of those that are not down.

        Raises:
            WrongSink: a sink cannot be used as BROKER_URL names it, so the relay ends before it sends anything.
        """
        is_open = set()
        for name, sink in self.sinks.items():
            try:
                sink.open()
                is_open.add(name)
            except SinkDown as error:
                logger.warning("%s: %s; the relay tries again", name, error)
                sink.close()
        return is_open

    def _serve(self, relay: HeldRelay, *, once: bool) -> bool:
        """Send events until the relay is stopped; with ``once`` return True when there is nothing left to send."""
        assert self._wake_up is not None
        look = sent = 0
        while not self._stopping.is_set():
            try:
                self._beat(relay)
                is_over = once and look > 0 and all(self._is_over(one, look) for one in self.deliveries)
                # With once not before the end: after a night all events are old, until they are sent.
                if is_over or not once:
                    self._look_after(relay)
                while is_over and self._delete_old(relay) == DELETED_AT_ONCE:
                    pass
            except DBAPIError as error:
                logger.warning("the relay waits for the database: %s", error_line(error))
                self._stopping.wait(1)
                continue
            if is_over:
                return True
            if not once or look == 0:
                look += 1
                for delivery in self.deliveries:
                    delivery.look(look)
            if once:
                self._stopping.wait(ONCE_WAIT)
                continue
            before, sent = sent, sum(one.sent for one in self.deliveries)
            if sent > before:
                self._wake_up.found()
            self._wake_up.wait()
        return False

    def _beat(self, relay: HeldRelay) -> None:
        """Write a heartbeat if it is time."""
        now = time.monotonic()
        if now - self._heartbeat < HEARTBEAT:
            return
        self._heartbeat = now
        with self.sessions.begin() as session:
            hold(session, relay)

    @staticmethod
    def _is_over(delivery: Delivery, look: int) -> bool:
        return delivery.ended or delivery.is_done(look) or delivery.attempts >= PATIENCE_ONCE

    def _look_after(self, relay: HeldRelay) -> None:
        """Delete old events, and let alarms and metrics see the states of the sinks."""
        now = time.monotonic()
        if now - self._checked < CHECK:
            return
        self._checked = now
        self._delete_old(relay)
        with Session(self.engine) as session:
            self.check(sink_states(session, list(self.sinks)))

    def _delete_old(self, relay: HeldRelay) -> int:
        """Delete some events that all sinks have got and that are old; return their number."""
        with self.sessions.begin() as session:
            now = hold(session, relay)
            return delete_sent(session, list(self.sinks), now - self.keep, DELETED_AT_ONCE)

    def _end(self, relay: HeldRelay) -> None:
        for delivery in self.deliveries:
            delivery.stop()
        for delivery in self.deliveries:
            delivery.join(timeout=20)
        if not self.deliveries:  # each delivery closes its sink
            for sink in self.sinks.values():
                sink.close()
        if self._wake_up is not None:
            self._wake_up.stop()
        try:
            with self.sessions.begin() as session:
                release_relay(session, relay)
        except DBAPIError as error:
            logger.warning("the relay's place stays taken for a while: %s", error_line(error))
