"""A spider whose start() yields very many requests, without waiting for anything."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from frontier.spider_middlewares import in_turns


async def endless() -> AsyncIterator[int]:
    number = 0
    while True:
        yield number
        number += 1


def test_the_event_loop_has_its_turns_while_a_long_start_is_read() -> None:
    async def read() -> tuple[list[int], bool]:
        turn = asyncio.Event()
        asyncio.get_running_loop().call_soon(turn.set)
        found = []
        end = time.monotonic() + 10
        async for number in in_turns(endless()):
            found.append(number)
            if turn.is_set() or time.monotonic() > end:
                return found, turn.is_set()
        raise AssertionError

    found, has_had_a_turn = asyncio.run(read())
    assert has_had_a_turn
    assert found == list(range(len(found)))
