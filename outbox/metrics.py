"""The relay's metrics, in a file for node_exporter's textfile collector."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

from models.relay import SinkState

FILE = "splashdown_relay.prom"


def write_metrics(folder: Path, states: Sequence[SinkState]) -> None:
    """Write the states of the sinks into the folder."""
    registry = CollectorRegistry()
    gauges = {
        name: Gauge(f"splashdown_events_{name}", text, ["sink"], registry=registry)
        for name, text in {
            "unsent": "Events that the sink has not confirmed",
            "oldest_seconds": "The age of the oldest event that the sink has not confirmed",
            "sent": "Events that the sink has confirmed",
            "refused": "Events that the sink refused",
            "ended": "1: the sink wants no event any more",
        }.items()
    }
    now = datetime.now(UTC)
    for state in states:
        values = {
            "unsent": state.unsent,
            "oldest_seconds": (now - state.oldest).total_seconds() if state.oldest else 0,
            "sent": state.sent,
            "refused": state.refused,
            "ended": state.state == "ended",
        }
        for name, value in values.items():
            gauges[name].labels(state.name).set(float(value))
    write_to_textfile(str(folder / FILE), registry)
