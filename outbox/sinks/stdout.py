"""A sink to look: each event is a line of JSON on the standard output."""

from __future__ import annotations

import os
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
        self._has_half_line = False  # the last attempt ended within an event

    def open(self) -> None:
        """Do nothing: the output is there."""

    def send(self, events: Sequence[Event]) -> Sequence[Outcome]:
        try:
            self._write(b"".join(event.structured + b"\n" for event in events))
        except OSError as error:  # the reader of a pipe has ended, or the disk is full
            raise SinkDown(f"the standard output: {error.strerror}") from None
        return [SENT] * len(events)

    def _write(self, lines: bytes) -> None:
        """Write all lines, after the end of a line that an earlier attempt has left.

        Not through Python's buffer: it has the rest of a failed attempt, and fails once more at the end of the
        process, whose exit code is 120 then.
        """
        text = b"\n" + lines if self._has_half_line else lines
        written = 0
        try:
            while written < len(text):
                written += os.write(sys.stdout.fileno(), memoryview(text)[written:])
        finally:
            if written:
                self._has_half_line = text[written - 1 : written] != b"\n"

    def close(self) -> None:
        """Do nothing."""
