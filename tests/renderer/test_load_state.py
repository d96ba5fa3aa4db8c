"""The calls that wait for a page: each returns at a change, whatever becomes of the others."""

from __future__ import annotations

import asyncio

import pytest

from renderer.chromium.cdp import TargetGone
from renderer.network.load_state import PageLoad

FRAME = "main"


def navigated(loader: str) -> dict[str, dict[str, str]]:
    return {"frame": {"id": FRAME, "loaderId": loader, "url": "http://site.example/"}}


def test_a_cancelled_call_does_not_disturb_the_others() -> None:
    async def run() -> None:
        load = PageLoad(FRAME)
        impatient, patient = (asyncio.create_task(load.committed("one")) for _ in range(2))
        await asyncio.sleep(0)
        impatient.cancel()
        await asyncio.sleep(0)
        load.on_frame_navigated(navigated("one"))
        await patient
        assert impatient.cancelled()

    asyncio.run(run())


def test_a_call_waits_on_if_it_is_woken_too_early() -> None:
    async def run() -> None:
        load = PageLoad(FRAME)
        call = asyncio.create_task(load.loaded_since("one"))
        for event in (load.wake, lambda: load.on_frame_navigated(navigated("one"))):
            await asyncio.sleep(0)
            event()
        await asyncio.sleep(0)
        assert not call.done()
        load.on_load_event({"timestamp": 1.0})
        await call

    asyncio.run(run())


def test_every_call_fails_when_the_tab_is_lost() -> None:
    async def run() -> None:
        load = PageLoad(FRAME)
        before = asyncio.create_task(load.changed())
        await asyncio.sleep(0)
        load.on_loss({})
        for call in (before, load.changed()):
            with pytest.raises(TargetGone):
                await call

    asyncio.run(run())
