"""Stand-ins for the writer and for what a page needs, for tests of the scheduler's parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from crawler.page.commit import Commit, Committed
from crawler.run.interfaces import PageWriter
from frontier.window import QueuedRequest
from models.request import Leased, NewRequest


class FakeWriter:
    """Notes what it gets. A test answers by hand."""

    def __init__(self) -> None:
        self.leases: list[tuple[int, Callable[[list[Leased]], None]]] = []
        self.released: list[list[int]] = []
        self.waits: list[tuple[str, float]] = []
        self.commits: list[tuple[Commit, Callable[[Committed], None]]] = []

    def lease(
        self, limit: int, done: Callable[[list[Leased]], None], waiting_hosts: Sequence[str] = ()
    ) -> None:
        self.leases.append((limit, done))

    def wait_for_host(self, host: str, seconds: float) -> None:
        self.waits.append((host, seconds))

    def release(self, numbers: list[int]) -> None:
        self.released.append(numbers)

    def put(self, commit: Commit, done: Callable[[Committed], None]) -> None:
        self.commits.append((commit, done))

    def get(self) -> PageWriter:
        return cast(PageWriter, self)


class FakeStats:
    """Counts as Scrapy's stats do."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def inc_value(self, name: str, count: int = 1) -> None:
        self.counts[name] = self.counts.get(name, 0) + count

    def get(self) -> Any:
        return self


def queued(number: int, priority: int = 0) -> QueuedRequest:
    return QueuedRequest(priority, number, number, f"http://shop/{number}", "{}")


def new_request(number: int, **fields: Any) -> NewRequest:
    url = f"http://shop/{number}"
    values: dict[str, Any] = {
        "number": number,
        "identity": number.to_bytes(20),
        "url": url,
        "request": f'{{"url":"{url}"}}',
        "priority": 0,
        "position": number,
        "depth": 1,
        "parent": None,
        "not_before": None,
    }
    return NewRequest(**values | fields)


def leased(number: int, priority: int = 0) -> Leased:
    return Leased(
        number=number, url=f"http://shop/{number}", request="{}", priority=priority, position=number
    )
