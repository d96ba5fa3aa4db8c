"""The wait for a quiet network, against a page whose requests begin and end between two looks."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from renderer.render.quiet import wait_for_quiet


def tab_with(*looks: tuple[int, str | None]) -> Any:
    """Return a tab whose page has these numbers of requests, and these in flight, one pair for each look."""
    left = list(looks)
    network = SimpleNamespace(page_requests=lambda: left.pop(0) if len(left) > 1 else left[0])
    return SimpleNamespace(network=network, load=SimpleNamespace(url="http://page/"))


def test_a_request_that_no_look_saw_in_flight_counts_too() -> None:
    clock = asyncio.new_event_loop().time
    begun = clock()
    tab = tab_with(*((number, None) for number in range(10)))
    assert asyncio.run(wait_for_quiet(tab, 0.1, 5.0)) is None
    assert clock() - begun >= 0.1 + 7 * 0.02


def test_the_url_that_was_in_the_way_is_returned_at_the_limit() -> None:
    assert asyncio.run(wait_for_quiet(tab_with((1, "http://page/a")), 0.1, 0.05)) == "http://page/a"
    assert asyncio.run(wait_for_quiet(tab_with((1, None)), 0.1, 0.05)) == "http://page/"
