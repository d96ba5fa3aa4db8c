"""Which server gets the next page, from which the crawl backs off, and for how long."""

from __future__ import annotations

import pytest
from scrapy import Request
from w3lib.http import basic_auth_header

from crawler.splash.server_list import (
    JITTER,
    LONGEST_BACKOFF,
    LONGEST_BACKOFF_OF_ALL,
    Server,
    Servers,
    servers_at,
)

A, B = "http://a.example:8050", "http://b.example:8050"


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def two(clock: Clock) -> Servers:
    return Servers([Server(A), Server(B)], patience=10, clock=clock)


@pytest.mark.parametrize("urls", [f"{A},{B}", f" {A}\n {B}/ ", f"{A} , {B},,{A}", [A, f"{B}/"]])
def test_servers_are_separated_by_commas_or_white_space(urls: object) -> None:
    assert [server.url for server in servers_at(urls, None)] == [f"{A}/", f"{B}/"]


def test_a_server_has_its_own_credentials_or_the_common_ones() -> None:
    first, second = servers_at(f"http://u:p@a.example:8050 {B}", b"of all")
    assert (first.url, first.auth) == (f"{A}/", basic_auth_header("u", "p"))
    assert (second.url, second.auth) == (f"{B}/", b"of all")


def test_servers_are_used_in_turn(two: Servers) -> None:
    a, b = two.all
    assert [two.next() for _ in range(4)] == [a, b, a, b]


def test_the_server_with_fewer_pages_gets_the_next_page(two: Servers) -> None:
    a, b = two.all
    request = Request("http://x")
    two.page_began(a, request)
    assert [two.next() for _ in range(3)] == [b, b, b]


def test_a_dropped_request_is_no_longer_counted(two: Servers) -> None:
    two.page_began(two.all[0], Request("http://x"))
    assert not two.all[0].under_way


def test_a_url_belongs_to_the_server_with_the_longest_prefix(clock: Clock) -> None:
    servers = Servers([Server("http://lb"), Server("http://lb/b")], clock=clock)
    assert servers.at("http://lb/execute") is servers.all[0]
    assert servers.at("http://lb/b/execute") is servers.all[1]
    assert servers.at("http://lb.example/execute") is None


def test_a_failed_server_gets_no_page_until_a_ping_and_then_one_page(two: Servers) -> None:
    a, b = two.all
    assert two.failed(a, "refused")
    assert [two.next() for _ in range(2)] == [b, b]
    a.backing_off = False  # it answered a ping
    first, second = Request("http://x"), Request("http://x")
    assert a.accepts_pages
    two.page_began(a, first)
    two.page_began(b, second)
    assert not a.accepts_pages and b.accepts_pages
    assert two.page_rendered(a, first)
    assert a.is_healthy


def test_all_pages_of_a_server_that_ended_count_as_one_failure(two: Servers, clock: Clock) -> None:
    a, _ = two.all
    requests = [Request("http://x") for _ in range(3)]
    for request in requests:
        two.page_began(a, request)
    clock.now += 5
    assert [two.failed(a, "gone", request) for request in requests] == [True, False, False]
    assert a.failures == 1


def test_the_backoff_doubles_up_to_a_limit(two: Servers) -> None:
    a, b = two.all
    backoffs = []
    for _ in range(20):
        two.failed(a, "refused")
        backoffs.append(two.backoff_seconds(a))
    assert backoffs[0] <= 0.5 * (1 + JITTER) and backoffs[3] > backoffs[0]
    assert LONGEST_BACKOFF * (1 - JITTER) <= backoffs[-1] <= LONGEST_BACKOFF * (1 + JITTER)
    two.failed(b, "refused")
    assert two.backoff_seconds(a) <= LONGEST_BACKOFF_OF_ALL * (1 + JITTER)  # all servers have failed


def test_servers_are_lost_when_none_has_rendered_a_page_for_too_long(two: Servers, clock: Clock) -> None:
    a, b = two.all
    two.failed(a, "refused")
    clock.now += 100
    assert not two.are_lost  # b is healthy
    two.failed(b, "refused")
    clock.now += 9
    assert not two.are_lost
    a.backing_off = False
    last = Request("http://x")
    two.page_began(a, last)
    clock.now += 20
    assert not two.are_lost  # the last page may still come
    two.failed(a, "timed out", last)
    assert two.are_lost
    assert str(two) == f"{A} (timed out), {B} (refused)"
    two.page_rendered(a, last)
    assert not two.are_lost
