"""The watch ends transactions of other workers only while a transaction of this worker is slow."""

from __future__ import annotations

import time
from typing import Any, cast

import pytest

from models.worker import IDLE_LIMIT
from pipelines.storage.silence_watch import SLOW, SilenceWatch


@pytest.mark.parametrize(
    ("seconds", "looks"), [(None, []), (0.0, []), (SLOW - 1, []), (SLOW + 1, [("engine", IDLE_LIMIT)])]
)
def test_the_watch_looks_if_the_transaction_is_slow(
    monkeypatch: pytest.MonkeyPatch, seconds: float | None, looks: list[Any]
) -> None:
    looked: list[Any] = []
    monkeypatch.setattr(
        "pipelines.storage.silence_watch.end_silent_transactions",
        lambda engine, limit: looked.append((engine, limit)) or 1,
    )
    since = None if seconds is None else time.monotonic() - seconds
    SilenceWatch(cast("Any", "engine"), lambda: since).look()
    assert looked == looks
