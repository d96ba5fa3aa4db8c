"""The window of a worker: every partition has requests in it, although those of one partition would fill it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Any

from frontier.partitions import Partitions
from frontier.shared_refill import SharedRefill
from frontier.window import QueuedRequest, Window
from models.request import Leased, NewRequest
from models.worker import Tenure


class Writer:
    """Notes for which partitions requests are asked, and returns those that the test puts into the table."""

    def __init__(self) -> None:
        self.asked: list[set[int]] = []
        self.table: list[Leased] = []

    def lease(
        self,
        limit: int,
        done: Callable[[list[Leased]], None],
        waiting_hosts: Collection[str],
        tenures: Collection[Tenure],
    ) -> None:
        parts = {one.part for one in tenures}
        self.asked.append(parts)
        done([one for one in self.table if one.part in parts][:limit])


class Worker:
    def __init__(self, *parts: int, size: int = 40) -> None:
        self.writer, self.window, self.partitions = Writer(), Window(), Partitions()
        self.partitions.add([Tenure(part, "mine") for part in parts])
        writer: Any = self.writer
        self.refill = SharedRefill(
            self.partitions, self.window, size, writer=lambda: writer, wake=lambda: None
        )

    def has(self, part: int, number: int) -> None:
        for one in range(number):
            self.window.add(QueuedRequest(0, one, one, f"http://host{part}/{one}", "{}", part=part))


def request_of(part: int) -> Leased:
    return Leased(
        number=1000 + part, url=f"http://host{part}/", request="{}", priority=0, position=1, part=part
    )


def test_a_partition_that_was_taken_gets_requests_although_the_window_has_enough() -> None:
    worker = Worker(1)
    worker.has(1, 30)
    worker.refill.refill_if_low()
    assert worker.writer.asked == []
    worker.partitions.add([Tenure(2, "mine"), Tenure(3, "mine")])
    worker.writer.table = [request_of(2)]
    worker.refill.look_again()
    worker.refill.refill_if_low()
    assert worker.writer.asked == [{2, 3}]
    assert worker.window.has_part(2) and not worker.window.has_part(3)


def test_a_partition_whose_requests_were_handed_out_is_asked_for_again() -> None:
    worker = Worker(1, 2)
    worker.has(2, 1)
    worker.has(1, 30)
    while worker.window.has_part(2):
        worker.window.pop()
    worker.refill.refill_if_low()
    assert worker.writer.asked == [{2}]


def test_a_window_that_is_low_is_filled_from_all_partitions() -> None:
    async def check() -> None:
        worker = Worker(1, 2)
        worker.has(1, 3)
        worker.refill.refill_if_low()
        assert worker.writer.asked == [{1, 2}] and worker.refill.found_none

    asyncio.run(check())


def test_a_new_request_does_not_overtake_one_that_is_in_the_table() -> None:
    worker = Worker(1, 2)
    assert worker.refill.fits_in_window(new_request(1, position=7))
    worker.refill.add_to_table(new_request(3, position=9))  # another worker's partition
    assert worker.refill.fits_in_window(new_request(1, position=7))
    worker.refill.add_to_table(new_request(2, position=8))
    assert not worker.refill.fits_in_window(new_request(1, position=7))
    assert worker.refill.fits_in_window(new_request(1, position=9))


def new_request(part: int, *, position: int) -> NewRequest:
    return NewRequest(
        number=position,
        identity=b"",
        url=f"http://host{part}/{position}",
        request="{}",
        priority=0,
        position=position,
        part=part,
    )
