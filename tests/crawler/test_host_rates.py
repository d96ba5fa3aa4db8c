"""HostRates: the pages by host that a process stores."""

from __future__ import annotations

import pytest

from crawler.run import host_rates
from crawler.run.host_rates import INTERVAL, MOST_COUNTED, SHARED_INTERVAL, HostRates
from models.host_rate import MOST_HOSTS
from models.run import ClaimedRun

RUN = ClaimedRun(id=7, spider="books", owner="me", commits=0, resumed=False, start_read=False)


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(host_rates, "time", clock)
    return clock


def settle(rates: HostRates, **by_host: int) -> None:
    for host, number in by_host.items():
        for _ in range(number):
            rates.settled(host)


def test_only_the_pages_of_the_last_interval_count(clock: Clock) -> None:
    rates = HostRates(RUN)
    settle(rates, a=3, b=1)
    assert rates.due() is None  # the interval is not over
    clock.now += INTERVAL
    found = rates.due()
    assert found is not None and (found.seconds, found.pages) == (INTERVAL, {"a": 3, "b": 1})
    settle(rates, b=2)
    clock.now += 2 * INTERVAL  # the database was away
    found = rates.due()
    assert found is not None and (found.seconds, found.pages) == (2 * INTERVAL, {"b": 2})
    clock.now += INTERVAL
    found = rates.due()
    assert found is not None and found.pages == {}  # its rows are deleted, once
    clock.now += INTERVAL
    assert rates.due() is None


def test_a_worker_of_a_shared_run_stores_less_often(clock: Clock) -> None:
    rates = HostRates(ClaimedRun(**{**vars(RUN), "worker": 2}))
    settle(rates, a=1)
    clock.now += SHARED_INTERVAL - 1
    assert rates.due() is None
    clock.now += 1
    assert rates.due() is not None


def test_of_a_million_hosts_few_are_in_memory_and_those_with_most_pages_are_stored(clock: Clock) -> None:
    rates = HostRates(RUN)
    settle(rates, large=100, small=50)
    for number in range(3 * MOST_COUNTED):
        rates.settled(f"{number}.example")
        assert len(rates._pages) <= MOST_COUNTED
    clock.now += INTERVAL
    found = rates.due()
    assert found is not None and len(found.pages) == MOST_HOSTS
    assert (found.pages["large"], found.pages["small"]) == (100, 50)
