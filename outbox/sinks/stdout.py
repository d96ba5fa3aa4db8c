"""A sink to look: each event is a line of JSON on the standard output."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from outbox.address import SinkAddress
from outbox.event import Event
from outbox.sink import SENT, Outcome, SinkDown


class StdoutSink:
    """``stdout:``"""

    batch = 1000

    def __init__(self, address: SinkAddress) -> None:
        self.address = address

    def open(self) -> None:
        """Do nothing: the output is there."""

    def send(self, events: Sequence[Event]) -> Sequence[Outcome]:
        try:
            for event in events:
                sys.stdout.buffer.write(event.structured + b"\n")
            sys.stdout.flush()
        except OSError as error:  # the reader of a pipe has ended, or the disk is full
            raise SinkDown(f"the standard output: {error.strerror}") from None
        return [SENT] * len(events)

    def close(self) -> None:
        """Do nothing."""
