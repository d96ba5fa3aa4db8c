"""The parts of the scheduler, without Scrapy's engine and without a database."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from scrapy import Request, Spider

from crawler.meta_keys import MAKES_SESSION, REQUEST_NUMBER, SPLASH_PROCESSED
from crawler.page.commit import Commit, Committed
from crawler.page.page import Page
from frontier.commits import Commits
from frontier.discovery import Discovery
from frontier.errback import Errback
from frontier.hand_out import HandOut
from frontier.logins import Logins
from frontier.pages_in_progress import ORPHAN_SECONDS, PagesInProgress
from frontier.request_identity import RequestIdentities
from frontier.window import Window
from frontier.window_refill import WindowRefill
from models.request import LEASED, QUEUED, Settled
from tests.frontier.fakes import FakeStats, FakeWriter, leased, new_request, queued


def page_of(number: int, commits: list[Commit] | None = None) -> Page:
    return Page(number, f"http://shop/{number}", (commits if commits is not None else []).append)


def done(number: int, state: str = "done") -> Settled:
    return Settled(number=number, state=state, error=None if state == "done" else "HTTP 500")


# --- Logins ---------------------------------------------------------------------------------------------------------


def test_a_pending_login_leaves_the_window_before_better_requests() -> None:
    logins, window = Logins(), Window()
    logins.add(1, Request("http://shop/login"))
    for one in (queued(1), queued(2, priority=5), queued(3)):
        window.add(one)
    first = logins.pop_from(window, start_page_closed=True)
    assert first is not None and first.number == 1
    assert logins.pop_from(window, start_page_closed=True) is None  # the others wait
    assert logins.finish(1)
    second = logins.pop_from(window, start_page_closed=True)
    assert second is not None and second.number == 2


def test_a_resumed_run_that_logs_in_waits_until_start_is_read() -> None:
    logins, window = Logins(), Window()
    logins.remakes_sessions = True
    window.add(queued(1))
    assert logins.pop_from(window, start_page_closed=False) is None
    assert len(window) == 1
    assert logins.pop_from(window, start_page_closed=True) is not None


def test_a_login_is_in_memory_until_its_row_is_committed() -> None:
    logins, login = Logins(), Request("http://shop/login")
    logins.add(1, login)
    assert logins.take_request(1) is login
    assert logins.take_request(1) is None
    assert logins.others_wait(start_page_closed=True)


# --- Pages in progress ----------------------------------------------------------------------------------------------


def test_a_retry_keeps_the_place_of_its_request() -> None:
    window = Window()
    pages = PagesInProgress(window)
    window.add(queued(4))
    first = window.pop()
    assert first is not None
    pages.add(page_of(4))
    pages.hand_out(first)
    assert pages.in_flight == 1 and 4 in pages
    marks = {SPLASH_PROCESSED.name: True, "splash": {"args": {"url": "http://shop/4"}}}
    pages.queue_again(4, Request("http://renderer/", meta=marks, priority=-1))
    assert pages.in_flight == 0
    again = window.pop()
    assert again is not None
    assert (again.number, again.position, again.url, again.priority) == (4, 4, "http://shop/4", -1)


def test_an_orphan_fails_after_ten_seconds_in_which_nothing_moves() -> None:
    pages, commits = PagesInProgress(Window()), list[Commit]()
    pages.add(page_of(1, commits))
    pages.abandon_orphans(0.0, nothing_moves=True)
    pages.abandon_orphans(5.0, nothing_moves=False)
    pages.abandon_orphans(6.0, nothing_moves=True)
    pages.abandon_orphans(6.0 + ORPHAN_SECONDS, nothing_moves=True)
    assert not commits
    pages.abandon_orphans(6.1 + ORPHAN_SECONDS, nothing_moves=True)
    assert [commit.settled.state for commit in commits if commit.settled] == ["failed"]


def test_a_committed_page_is_removed() -> None:
    pages = PagesInProgress(Window())
    pages.add(page_of(1))
    pages.remove(1)
    assert 1 not in pages and pages.get(1) is None and not len(pages)


# --- Window and table -----------------------------------------------------------------------------------------------


def refill_of(size: int = 8) -> tuple[WindowRefill, FakeWriter, list[str]]:
    writer, woken = FakeWriter(), list[str]()
    return (
        WindowRefill(Window(), size, writer=writer.get, wake=lambda: woken.append("woken")),
        writer,
        woken,
    )


def test_a_low_window_leases_half_its_size_once() -> None:
    refill, writer, woken = refill_of()
    refill.in_table = 5
    refill.refill_if_low()
    refill.refill_if_low()
    [(limit, answer)] = writer.leases
    assert limit == 4 and refill.has_more
    answer([leased(9), leased(8)])
    assert len(refill.window) == 2 and refill.in_table == 3 and woken


def test_a_full_window_or_an_empty_table_leases_nothing() -> None:
    refill, writer, _ = refill_of()
    refill.refill_if_low()
    refill.in_table = 5
    for number in range(2):
        refill.window.add(queued(number))
    refill.refill_if_low()
    assert not writer.leases


def test_a_new_request_goes_to_the_window_only_above_the_head_of_the_table() -> None:
    refill, writer, _ = refill_of()
    assert refill.fits_in_window(new_request(1))
    assert not refill.fits_in_window(new_request(1, not_before=datetime.now(UTC)))
    refill.in_table = 5
    assert not refill.fits_in_window(new_request(1))  # until the table is read, its head is unknown
    refill.refill_if_low()
    writer.leases[0][1]([leased(9), leased(7)])
    assert refill.fits_in_window(new_request(8))
    assert not refill.fits_in_window(new_request(6))


def test_the_table_is_not_asked_at_once_again_for_requests_that_must_wait() -> None:
    async def ask() -> None:
        refill, writer, _ = refill_of()
        refill.add_to_table(new_request(1, not_before=datetime.now(UTC)))
        refill.refill_if_low()
        writer.leases[0][1]([])
        refill.refill_if_low()
        assert len(writer.leases) == 1
        refill.add_to_table(new_request(2))
        refill.refill_if_low()
        assert len(writer.leases) == 2

    asyncio.run(ask())


def test_a_window_that_is_too_large_gives_its_last_half_back() -> None:
    refill, writer, _ = refill_of()
    for number in range(9):
        refill.add_to_window(new_request(number), None)
    refill.spill()
    assert writer.released == [[4, 3, 2, 1, 0]]
    assert len(refill.window) == 4 and refill.in_table == 5
    assert refill.fits_in_window(new_request(5)) and not refill.fits_in_window(new_request(4))


# --- Discovery ------------------------------------------------------------------------------------------------------


def discovery_of(stats: FakeStats, logins: Logins, *, lifo: bool = True) -> Discovery:
    def fingerprint(request: Request) -> bytes:
        return request.url.encode()

    return Discovery(RequestIdentities(fingerprint, "owner"), logins, stats.get(), lifo=lifo)


def test_a_duplicate_is_dropped_and_counted() -> None:
    stats = FakeStats()
    discovery, page = discovery_of(stats, Logins()), page_of(1)
    spider = Spider("shop")
    assert discovery.add(Request("http://shop/a"), page, spider)
    assert not discovery.add(Request("http://shop/a"), page, spider)
    assert stats.counts == {"scheduler/enqueued": 1, "dupefilter/filtered": 1}
    assert [request.number for request in page.requests] == [0]


@pytest.mark.parametrize(("lifo", "positions"), [(True, [0, 1]), (False, [0, -1])])
def test_later_requests_of_a_page_go_first_if_the_queue_is_lifo(lifo: bool, positions: list[int]) -> None:
    discovery, page = discovery_of(FakeStats(), Logins(), lifo=lifo), page_of(1)
    for name in ("a", "b"):
        discovery.add(Request(f"http://shop/{name}"), page, Spider("shop"))
    assert [request.position for request in page.requests] == positions


def test_a_login_gets_no_text_and_is_pending() -> None:
    logins = Logins()
    discovery, commits = discovery_of(FakeStats(), logins), list[Commit]()
    start = Page(None, None, commits.append)
    login = Request("http://shop/login", meta={MAKES_SESSION.name: True})
    assert discovery.add(login, start, Spider("shop"))
    assert commits[0].requests[0].request is None
    assert REQUEST_NUMBER.get(login) == 0 and logins.take_request(0) is login


def test_a_request_without_json_fails_the_page() -> None:
    discovery, page = discovery_of(FakeStats(), Logins()), page_of(1)
    assert not discovery.add(Request("http://shop/a", callback=lambda _: None), page, Spider("shop"))
    assert page.error is not None and "make it a method of the spider" in page.error


def test_an_identity_of_dont_filter_is_unique_on_its_page_and_the_same_in_a_second_attempt() -> None:
    identities = RequestIdentities(lambda request: request.url.encode(), "owner")
    request = Request("http://shop/a", dont_filter=True)
    attempts = [
        [identities.identity_of(request, page) for _ in range(2)] for page in (page_of(1), page_of(1))
    ]
    assert attempts[0] == attempts[1] and attempts[0][0] != attempts[0][1]


# --- Hand-out -------------------------------------------------------------------------------------------------------


def hand_out_of(commits: list[Commit]) -> tuple[HandOut, PagesInProgress, Window]:
    window = Window()
    pages = PagesInProgress(window)
    hand_out = HandOut(pages, window, commit=commits.append, snapshot_policy=lambda number, text: None)
    return hand_out, pages, window


def test_a_request_that_is_handed_out_has_a_number_and_our_errback() -> None:
    hand_out, pages, window = hand_out_of([])
    window.add(queued(3)._replace(text='{"url":"http://shop/3"}'))
    next_one = window.pop()
    assert next_one is not None
    request = hand_out.request_of(next_one, Spider("shop"))
    assert request is not None and REQUEST_NUMBER.get(request) == 3
    assert isinstance(request.errback, Errback) and pages.in_flight == 1


def test_all_requests_have_the_same_callback_object_so_that_scrapy_reads_its_source_once() -> None:
    hand_out, _, window = hand_out_of([])
    spider, callbacks = Spider("shop"), set()
    for number in (3, 4):
        window.add(queued(number)._replace(text=f'{{"url":"http://shop/{number}","callback":"parse"}}'))
        next_one = window.pop()
        assert next_one is not None
        request = hand_out.request_of(next_one, spider)
        assert request is not None and request.callback == spider.parse
        callbacks.add(id(request.callback))
    assert len(callbacks) == 1


def test_a_request_that_cannot_be_read_fails_its_page() -> None:
    commits: list[Commit] = []
    hand_out, pages, window = hand_out_of(commits)
    window.add(queued(3)._replace(text='{"url":"http://shop/3","callback":"parse_lost"}'))
    next_one = window.pop()
    assert next_one is not None
    assert hand_out.request_of(next_one, Spider("shop")) is None
    [commit] = commits
    assert commit.settled is not None and commit.settled.state == "failed" and not pages.in_flight


# --- Commits --------------------------------------------------------------------------------------------------------


class CommitsBench:
    """Commits with a writer that a test answers for."""

    def __init__(self) -> None:
        self.writer, self.stats, self.logins = FakeWriter(), FakeStats(), Logins()
        self.refill = WindowRefill(Window(), 8, writer=self.writer.get, wake=lambda: None)
        self.pages = PagesInProgress(self.refill.window)
        self.failed_logins: list[Commit] = []
        self.commits = Commits(
            self.pages,
            self.logins,
            self.refill,
            self.stats.get(),
            writer=self.writer.get,
            login_failed=self.failed_logins.append,
            wake=lambda: None,
            host_settled=self._host_settled,
        )
        self.hosts: list[str] = []

    def _host_settled(self, host: str) -> None:
        self.hosts.append(host)

    def commit(self, commit: Commit, states: dict[int, str] | None = None, **made: Any) -> None:
        self.commits.add(commit)
        _, answer = self.writer.commits.pop()
        answer(Committed(states=states or {}, changes=made.pop("changes", {}), **made))


def test_a_committed_page_is_counted_and_leaves_the_registry() -> None:
    bench = CommitsBench()
    bench.pages.add(page_of(1))
    bench.commit(Commit(number=1, settled=done(1)), stored=2, changes={"book/created": 2})
    assert 1 not in bench.pages and bench.commits.uncommitted == 0
    assert bench.stats.counts == {"pages/done": 1, "rows/stored": 2, "rows/book/created": 2}


def test_pages_are_counted_by_their_way_and_their_host() -> None:
    bench = CommitsBench()
    ways = [
        ("done", True, "http://ann:secret@Shop.Example:8080/1"),
        ("failed", True, "http://shop.example:8080/2"),
        ("refused", False, "http://other.example/"),
        ("failed", None, "http://away.example/"),  # without a response
        ("done", None, "data:,x"),
        ("skipped", False, "http://skipped.example/"),
        ("queued", False, "http://suspect.example/"),  # it is rendered again
    ]
    for number, (state, rendered, url) in enumerate(ways):
        bench.pages.add(page_of(number))
        bench.commit(Commit(number=number, url=url, settled=done(number, state), rendered=rendered))
    counts = bench.stats.counts
    assert (counts["pages/rendered"], counts["pages/plain"]) == (2, 1)
    assert bench.hosts == ["shop.example:8080"] * 2 + ["other.example", "away.example"]


def test_new_requests_go_where_the_database_says() -> None:
    bench = CommitsBench()
    found = tuple(new_request(number) for number in range(3))
    bench.commit(Commit(requests=found), states={0: LEASED, 1: QUEUED})
    assert len(bench.refill.window) == 1 and bench.refill.in_table == 1
    assert bench.stats.counts == {"dupefilter/filtered": 1}  # the run has the third one


@pytest.mark.parametrize("state", ["done", "failed"])
def test_a_login_that_is_not_done_is_reported(state: str) -> None:
    bench = CommitsBench()
    bench.logins.add(1, Request("http://shop/login"))
    bench.pages.add(page_of(1))
    bench.commit(Commit(number=1, settled=done(1, state)))
    assert bool(bench.failed_logins) is (state == "failed")
    assert not bench.logins.others_wait(start_page_closed=True)


def test_the_commit_of_start_says_that_start_is_read() -> None:
    bench = CommitsBench()
    bench.commit(Commit(start_read=True))
    assert bench.commits.start_is_read
