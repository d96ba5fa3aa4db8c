"""Limits of what the renderer keeps for a script: callbacks, result headers, functions."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from renderer.lua.lua_command import LuaFailure
from renderer.lua.lua_values import Function
from renderer.lua.timer_api import MAX_CALLBACKS, TimerApi
from tests.renderer.conftest import Client


def test_call_later_is_limited_to_a_number_of_callbacks() -> None:
    async def run() -> None:
        timers = TimerApi(cast("Any", None))
        callback = Function(1, lambda number: None)
        for _ in range(MAX_CALLBACKS):
            timers.call_later(callback, 60)
        with pytest.raises(LuaFailure, match="limited"):
            timers.call_later(callback, 60)
        await asyncio.wait(timers.end())

    asyncio.run(run())


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("for i = 1, 1000 do splash:set_result_header('X-' .. i, 'y') end", "at most 80 headers"),
        (
            "local s = 'x' for i = 1, 22 do s = s .. s end while true do splash:jsfunc(s) end",
            "too large together",
        ),
    ],
)
def test_result_headers_and_jsfuncs_are_limited(splash: Client, body: str, problem: str) -> None:
    assert problem in splash.script_error(body)["message"]
