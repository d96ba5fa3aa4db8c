"""The order in which requests leave the part of the frontier that is in memory."""

from __future__ import annotations

import random

from scrapy import Request

from frontier.window import QueuedRequest, Window


def waiting(number: int, *, priority: int = 0, site: str = "shop") -> QueuedRequest:
    return QueuedRequest(priority, number, number, f"http://{site}/{number}", "{}")


def emptied(window: Window) -> list[int]:
    found = []
    while (one := window.pop()) is not None:
        window.finished(one)
        found.append(one.number)
    return found


def test_the_highest_priority_is_next_and_then_the_latest() -> None:
    window, dice = Window(), random.Random(7)
    everything = [waiting(number, priority=dice.randint(-2, 2)) for number in range(300)]
    dice.shuffle(everything)
    for one in everything:
        window.add(one)
    assert len(window) == 300
    assert emptied(window) == [
        one.number for one in sorted(everything, key=lambda one: one.rank, reverse=True)
    ]
    assert len(window) == 0


def test_the_site_with_the_fewest_pages_under_way_is_next() -> None:
    window = Window()
    for number in range(4):
        window.add(waiting(number, site="busy", priority=9))
    window.add(waiting(10, site="quiet"))
    first, second = window.pop(), window.pop()
    assert first is not None and second is not None
    assert {first.number, second.number} == {3, 10}
    window.finished(first if first.number == 3 else second)
    third = window.pop()
    assert third is not None and third.number == 2


def test_those_that_come_last_leave_and_what_is_on_its_way_stays() -> None:
    window = Window()
    for number in range(10):
        window.add(waiting(number, site=f"site{number % 3}"))
    retried = waiting(-1)._replace(text=None)
    window.add(retried)
    taken = window.take_worst(4)
    assert [one.number for one in taken] == [3, 2, 1, 0]
    assert sorted(emptied(window)) == [-1, 4, 5, 6, 7, 8, 9]


def test_a_window_can_return_only_requests_of_pages_that_are_begun() -> None:
    window = Window()
    for one in (waiting(1), waiting(2, site="other"), waiting(3), waiting(4, priority=5)):
        window.add(one)
    retry = waiting(2)._replace(request=Request("http://shop/2"))
    redirect = waiting(5, priority=1, site="paused")._replace(request=Request("http://paused/5"))
    window.add(retry)
    window.add(redirect)
    window.pause("paused")
    window.begun_only = True
    assert (window.ready, window.expected) == (1, 2)
    assert emptied(window) == [2]
    window.resume("paused")
    assert emptied(window) == [5]
    assert (window.ready, window.expected, len(window)) == (0, 0, 4)
    window.begun_only = False
    assert sorted(emptied(window)) == [1, 2, 3, 4]
