"""Sink: where events go. Nothing outside of outbox/sinks/ knows brokers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from outbox.event import Event


class WrongSink(Exception):
    """BROKER_URL or the broker's state does not fit; the message says what to change. The relay does not start."""


class SinkDown(Exception):
    """The broker cannot be reached, or does not answer; the relay tries again. The message says what happened.

    ``wait`` is how many seconds the receiver asks to wait.
    """

    def __init__(self, message: str, *, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait


class SinkEnded(Exception):
    """The receiver wants no event any more (HTTP 410); the relay does not try again until a person asks for it."""


@dataclass(frozen=True)
class Outcome:
    """What became of an event."""

    sent: bool = False
    refused: str | None = None  # why the sink will never accept the event
    failed: str | None = None  # why the event must be sent again
    wait: float = 0.0  # seconds that the receiver asks to wait before


SENT = Outcome(sent=True)


class Sink(Protocol):
    """A sink of one address. One thread at a time uses it."""

    batch: int  # how many events ``send`` gets at most

    def open(self) -> None:
        """Connect, and declare or check what the address names.

        Raises:
            SinkDown: the broker cannot be reached.
            WrongSink: the broker refuses the user, or what the address names.
        """

    def send(self, events: Sequence[Event]) -> Sequence[Outcome]:
        """Send the events, and return what became of each, when the broker has confirmed them.

        Two events of one row are never in one call. Without a confirmation an event is sent again later.

        Raises:
            SinkDown: the connection is lost; what was not confirmed is sent again.
            SinkEnded: the receiver wants no event any more.
        """

    def close(self) -> None:
        """Close the connection; an error is ignored."""
