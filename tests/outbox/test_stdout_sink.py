"""The sink ``stdout:``: what an output gets that has no room for a while."""

from __future__ import annotations

import fcntl
import json
import os
import sys
from datetime import UTC, datetime

import pytest

from outbox.address import SinkAddress
from outbox.event import Event
from outbox.sink import SENT, SinkDown
from outbox.sinks.stdout import StdoutSink

PAGE = 4096  # bytes; the smallest pipe


def event(number: int, size: int) -> Event:
    data = json.dumps({"text": "x" * size})
    return Event(
        number, f"id-{number}", "book", "new", f"[{number}]", datetime(2026, 12, 1, tzinfo=UTC), data, "shop"
    )


def test_an_event_that_was_written_in_part_ends_before_the_next_attempt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reads, writes = os.pipe()
    os.set_blocking(writes, False)
    fcntl.fcntl(writes, fcntl.F_SETPIPE_SZ, PAGE)
    sink = StdoutSink(SinkAddress.of("stdout:"))
    events = [event(1, 100), event(2, PAGE)]
    with os.fdopen(writes, "w") as output, os.fdopen(reads, "rb") as pipe:
        monkeypatch.setattr(sys, "stdout", output)
        with pytest.raises(SinkDown, match="the standard output: "):
            sink.send(events)
        first = os.read(pipe.fileno(), PAGE)
        assert sink.send(events[:1]) == [SENT]
        second = os.read(pipe.fileno(), PAGE)
        assert sink.send(events[:1]) == [SENT]
        third = os.read(pipe.fileno(), PAGE)
    whole, half = first.split(b"\n")
    assert json.loads(whole)["id"] == "id-1"
    assert half and not half.endswith(b"}")
    assert second == b"\n" + whole + b"\n"
    assert third == whole + b"\n"
