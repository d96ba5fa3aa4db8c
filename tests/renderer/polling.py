"""Waiting for conditions that have no event: the tests check them again and again, with a deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any


def until(condition: Callable[[], object], seconds: float, message: str) -> None:
    """Return when the condition is true; fail with the message if it is not true within these seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, message
        time.sleep(0.02)


async def eventually(condition: Callable[[], Awaitable[Any]], wanted: Any, seconds: float = 10) -> None:
    """Return when the condition returns the wanted value; fail with its last value if it does not in time."""
    found = None
    try:
        async with asyncio.timeout(seconds):
            while (found := await condition()) != wanted:  # noqa: ASYNC110 - the condition has no event
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"{found}, not {wanted}") from None
