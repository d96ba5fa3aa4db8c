"""Whose turn it is, who rests and for how long."""

from __future__ import annotations

import pytest
from scrapy import Request
from w3lib.http import basic_auth_header

from crawler.splash.servers import JITTER, LONGEST_REST, LONGEST_REST_OF_ALL, Server, Servers, servers_at

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
def test_servers_are_named_in_any_fashion(urls: object) -> None:
    assert [server.url for server in servers_at(urls, None)] == [f"{A}/", f"{B}/"]


def test_each_has_its_own_credentials_or_those_of_all() -> None:
    first, second = servers_at(f"http://u:p@a.example:8050 {B}", b"of all")
    assert (first.url, first.auth) == (f"{A}/", basic_auth_header("u", "p"))
    assert (second.url, second.auth) == (f"{B}/", b"of all")


def test_they_are_used_in_turn(two: Servers) -> None:
    a, b = two.all
    assert [two.next() for _ in range(4)] == [a, b, a, b]


def test_the_one_with_fewer_pages_goes_first(two: Servers) -> None:
    a, b = two.all
    request = Request("http://x")
    two.began(a, request)
    assert [two.next() for _ in range(3)] == [b, b, b]


def test_a_request_that_somebody_swallowed_is_not_under_way(two: Servers) -> None:
    two.began(two.all[0], Request("http://x"))
    assert not two.all[0].under_way


def test_the_longest_url_is_the_servers(clock: Clock) -> None:
    servers = Servers([Server("http://lb"), Server("http://lb/b")], clock=clock)
    assert servers.at("http://lb/execute") is servers.all[0]
    assert servers.at("http://lb/b/execute") is servers.all[1]
    assert servers.at("http://lb.example/execute") is None


def test_one_that_fails_gets_no_page_until_a_ping_and_then_one(two: Servers) -> None:
    a, b = two.all
    assert two.failed(a, "refused")
    assert [two.next() for _ in range(2)] == [b, b]
    a.resting = False  # it answered a ping
    first, second = Request("http://x"), Request("http://x")
    assert a.takes_pages
    two.began(a, first)
    two.began(b, second)
    assert not a.takes_pages and b.takes_pages
    assert two.answered(a, first)
    assert a.is_well


def test_the_pages_that_a_server_had_when_it_died_are_one_failure(two: Servers, clock: Clock) -> None:
    a, _ = two.all
    requests = [Request("http://x") for _ in range(3)]
    for request in requests:
        two.began(a, request)
    clock.now += 5
    assert [two.failed(a, "gone", request) for request in requests] == [True, False, False]
    assert a.failures == 1


def test_rests_become_longer_up_to_a_limit(two: Servers) -> None:
    a, b = two.all
    rests = []
    for _ in range(20):
        two.failed(a, "refused")
        rests.append(two.rest_of(a))
    assert rests[0] <= 0.5 * (1 + JITTER) and rests[3] > rests[0]
    assert LONGEST_REST * (1 - JITTER) <= rests[-1] <= LONGEST_REST * (1 + JITTER)
    two.failed(b, "refused")
    assert two.rest_of(a) <= LONGEST_REST_OF_ALL * (1 + JITTER)  # none is left, so it is missed


def test_they_are_lost_when_none_has_given_a_page_for_too_long(two: Servers, clock: Clock) -> None:
    a, b = two.all
    two.failed(a, "refused")
    clock.now += 100
    assert not two.are_lost  # b is well
    two.failed(b, "refused")
    clock.now += 9
    assert not two.are_lost
    a.resting = False
    last = Request("http://x")
    two.began(a, last)
    clock.now += 20
    assert not two.are_lost  # the last page may still come
    two.failed(a, "timed out", last)
    assert two.are_lost
    assert str(two) == f"{A} (timed out), {B} (refused)"
    two.answered(a, last)
    assert not two.are_lost
