"""Freed memory goes back to the system when no render runs, and not while one runs."""

from __future__ import annotations

import asyncio

import pytest

from renderer.pool import idle_memory
from renderer.pool.idle_memory import IdleMemory


def test_memory_is_returned_when_no_render_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle_memory, "IDLE_SECONDS", 0.01)

    async def test() -> None:
        given_back = asyncio.Event()
        memory = IdleMemory()
        memory._trim = lambda _: given_back.set()
        memory.end_renders()
        memory.begin_render()
        assert memory._timer is None
        memory.end_renders()
        await asyncio.wait_for(given_back.wait(), 5)

    asyncio.run(test())
