"""The part of the frontier that is in memory: the next requests, in Scrapy's order, a queue a site."""

from __future__ import annotations

import heapq
from bisect import insort
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

from scrapy import Request

Rank = tuple[int, int]  # priority, position: the highest is next


class QueuedRequest(NamedTuple):
    """A request that may be handed out. A retry or a redirect is in ``request``, the others are JSON in ``text``."""

    priority: int
    position: int
    number: int
    url: str
    text: str | None
    request: Request | None = None
    part: int = 0  # of a shared run

    @property
    def rank(self) -> Rank:
        return self.priority, self.position

    @property
    def is_begun(self) -> bool:
        """Whether it is a retry, a redirect or a request to a renderer of a page that is begun, or a login."""
        return self.request is not None


@dataclass
class _Queue:
    by_priority: dict[int, deque[QueuedRequest]]
    active: int = 0


class Window:
    """Requests by site. The site with the fewest pages under way is next, as with Scrapy's own queue. Of its requests
    the one with the highest priority is next, and of those the one with the highest position.
    """

    def __init__(self) -> None:
        self._queues: dict[str, _Queue] = {}
        self._waiting: dict[str, _Queue] = {}  # the queues that are not empty
        self._paused: set[str] = set()  # hosts whose requests may not be made now
        self._by_part: Counter[int] = Counter()  # how many requests each partition has, in a shared run
        self._length = 0
        self.begun_only = (
            False  # ``pop`` returns only requests of pages that are begun: retries, redirects, logins
        )

    def __len__(self) -> int:
        return self._length

    def add(self, waiting: QueuedRequest) -> None:
        site = site_of(waiting)
        queue = self._queues.setdefault(site, _Queue({}))
        self._waiting[site] = queue
        same = queue.by_priority.setdefault(waiting.priority, deque())
        if not same or waiting.position >= same[-1].position:
            same.append(waiting)
        elif waiting.position <= same[0].position:
            same.appendleft(waiting)
        else:
            insort(same, waiting)
        self._by_part[waiting.part] += 1
        self._length += 1

    def has_part(self, part: int) -> bool:
        """Return whether there is a request of the partition."""
        return self._by_part[part] > 0

    @property
    def ready(self) -> int:
        """How many requests ``pop`` can return now: those that are not for a paused host."""
        if self.begun_only:
            return self._begun(self._waiting.keys() - self._paused)
        paused = (self._waiting[site] for site in self._paused if site in self._waiting)
        return self._length - sum(len(same) for queue in paused for same in queue.by_priority.values())

    @property
    def expected(self) -> int:
        """How many requests ``pop`` can return now or when their host is asked again."""
        return self._begun(self._waiting) if self.begun_only else self._length

    def _begun(self, sites: Iterable[str]) -> int:
        queues = (self._waiting[site].by_priority.values() for site in sites)
        return sum(waiting.is_begun for queue in queues for same in queue for waiting in same)

    def pause(self, host: str) -> None:
        """Return no request of the host until ``resume``."""
        self._paused.add(host)

    def resume(self, host: str) -> None:
        """Return requests of the host again."""
        self._paused.discard(host)

    def pop(self) -> QueuedRequest | None:
        waiting_sites = self._waiting.keys() - self._paused if self._paused else self._waiting.keys()
        if self.begun_only:
            return self._pop_begun(waiting_sites)
        if not waiting_sites:
            return None
        site = min(waiting_sites, key=lambda name: self._waiting[name].active)
        queue = self._waiting[site]
        return self._remove(site, queue.by_priority[max(queue.by_priority)][-1])

    def _pop_begun(self, sites: Iterable[str]) -> QueuedRequest | None:
        for site in sorted(sites, key=lambda name: self._waiting[name].active):
            for _, same in sorted(self._waiting[site].by_priority.items(), reverse=True):
                begun = next((waiting for waiting in reversed(same) if waiting.is_begun), None)
                if begun is not None:
                    return self._remove(site, begun)
        return None

    def _remove(self, site: str, waiting: QueuedRequest) -> QueuedRequest:
        """Remove a request that is handed out, and return it."""
        queue, priority = self._waiting[site], waiting.priority
        same = queue.by_priority[priority]
        if same[-1] is waiting:
            same.pop()
        else:
            same.remove(waiting)
        if not same:
            del queue.by_priority[priority]
            if not queue.by_priority:
                del self._waiting[site]
        queue.active += 1
        self._by_part[waiting.part] -= 1
        self._length -= 1
        return waiting

    def finished(self, waiting: QueuedRequest) -> None:
        """Note that a request that was handed out is under way no more."""
        site = site_of(waiting)
        queue = self._queues[site]
        queue.active -= 1
        if queue.active == 0 and not queue.by_priority:
            del self._queues[site]

    def take_worst(self, number: int) -> list[QueuedRequest]:
        """Remove and return the ``number`` requests that would come last, best first. Retries and redirects stay."""
        everything = [
            waiting
            for queue in self._waiting.values()
            for same in queue.by_priority.values()
            for waiting in same
            if waiting.text is not None and waiting.request is None
        ]
        worst = heapq.nsmallest(number, everything, key=lambda waiting: waiting.rank)
        taken = {waiting.number for waiting in worst}
        for site, queue in list(self._waiting.items()):
            for priority, same in list(queue.by_priority.items()):
                kept = deque(waiting for waiting in same if waiting.number not in taken)
                if kept:
                    queue.by_priority[priority] = kept
                else:
                    del queue.by_priority[priority]
            self._forget_if_empty(site, queue)
        self._by_part.subtract(waiting.part for waiting in worst)
        self._length -= len(worst)
        return worst[::-1]

    def drop_part(self, part: int, *, with_begun: bool) -> list[QueuedRequest]:
        """Remove and return the requests of a partition.

        Args:
            with_begun: also retries, redirects and requests to a renderer.
        """
        dropped: list[QueuedRequest] = []
        for site, queue in list(self._waiting.items()):
            for priority, same in list(queue.by_priority.items()):
                of_part = [one for one in same if one.part == part and (with_begun or not one.is_begun)]
                if not of_part:
                    continue
                numbers = {one.number for one in of_part}
                dropped += of_part
                kept = deque(one for one in same if one.number not in numbers)
                if kept:
                    queue.by_priority[priority] = kept
                else:
                    del queue.by_priority[priority]
            self._forget_if_empty(site, queue)
        self._by_part[part] -= len(dropped)
        self._length -= len(dropped)
        return dropped

    def _forget_if_empty(self, site: str, queue: _Queue) -> None:
        if not queue.by_priority:
            del self._waiting[site]
            if not queue.active:
                del self._queues[site]


def site_of(waiting: QueuedRequest) -> str:
    """Return the host and port of the request."""
    return host_of(waiting.url)


def host_of(url: str) -> str:
    """Return the host and port of a URL, without a user and a password."""
    return urlsplit(url).netloc.rpartition("@")[2].lower()
