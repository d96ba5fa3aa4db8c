"""The frontier's table: storing, leasing, settling and recovering requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from models import CrawlRequest, RejectedItem
from models.request import (
    DONE,
    FAILED,
    LEASED,
    QUEUED,
    SKIPPED,
    NewRequest,
    Settled,
    count,
    insert_new,
    lease,
    recover_frontier,
    release,
    settle,
)
from models.run import claim_run
from models.session import make_sessions

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with make_sessions(engine)() as session:
        yield session


@pytest.fixture
def run_id(engine: Engine) -> int:
    return claim_run(make_sessions(engine), "books", {}).id


def request(number: int, **fields: Any) -> NewRequest:
    defaults = {
        "identity": number.to_bytes(20, "big"),
        "url": f"http://shop/{number}",
        "request": "{}",
        "priority": 0,
        "position": number,
    }
    return NewRequest(number=number, **{**defaults, **fields})


def never(_: NewRequest) -> bool:
    return False


def add(
    session: Session, run_id: int, *requests: NewRequest, leased: Callable[[NewRequest], bool] = never
) -> Any:
    return insert_new(session, run_id, requests, leased)


def states(session: Session, run_id: int) -> dict[int, str]:
    query = (
        select(CrawlRequest).where(CrawlRequest.run_id == run_id).execution_options(populate_existing=True)
    )
    return {row.number: row.state for row in session.scalars(query)}


def reject(session: Session, run_id: int, number: int | None) -> None:
    session.add(
        RejectedItem(
            run_id=run_id, request_number=number, spider="books", table_name="book", item={}, reasons={},
            keyed=False, at=NOW,
        )
    )  # fmt: skip
    session.flush()


def rejected(session: Session) -> list[int | None]:
    return list(session.scalars(select(RejectedItem.request_number).order_by(RejectedItem.id)))


# --- Storing ------------------------------------------------------------------------------------------------


def test_a_new_request_is_queued_or_leased(session: Session, run_id: int) -> None:
    found = add(session, run_id, request(0), request(1), leased=lambda new: new.number == 1)
    assert found == states(session, run_id) == {0: QUEUED, 1: LEASED}


def test_a_login_is_leased_at_once(session: Session, run_id: int) -> None:
    """Its request is not in the table, so no other process could make it."""
    assert add(session, run_id, request(0, request=None)) == {0: LEASED}


def test_of_two_new_requests_with_one_identity_the_first_is_stored(session: Session, run_id: int) -> None:
    same = b"x" * 20
    assert add(session, run_id, request(0, identity=same), request(1, identity=same)) == {0: QUEUED}


def test_a_request_that_the_run_has_is_not_stored_again(session: Session, run_id: int) -> None:
    add(session, run_id, request(0))
    settle(session, run_id, [Settled(number=0, state=DONE)], NOW)
    again = request(5, identity=request(0).identity)
    assert add(session, run_id, again, request(6)) == {6: QUEUED}
    assert states(session, run_id) == {0: DONE, 6: QUEUED}


def test_another_run_may_have_the_same_request(session: Session, run_id: int, engine: Engine) -> None:
    add(session, run_id, request(0))
    session.commit()  # SQLite has one writer at a time
    other = claim_run(make_sessions(engine), "books", {"category": "crime"}).id
    with session.begin():
        assert add(session, other, request(0)) == {0: QUEUED}


def test_many_requests_are_compared_with_those_of_the_run(session: Session, run_id: int) -> None:
    """More than fit into one IN."""
    add(session, run_id, *map(request, range(2500)))
    assert list(add(session, run_id, *map(request, range(2600)))) == list(range(2500, 2600))


# --- Leasing ------------------------------------------------------------------------------------------------


def test_the_highest_priority_is_leased_first_and_then_the_highest_position(
    session: Session, run_id: int
) -> None:
    add(
        session,
        run_id,
        request(0, priority=0, position=5),
        request(1, priority=0, position=9),
        request(2, priority=10, position=-2),
        request(3, priority=-1, position=99),
        request(4, priority=10, position=-1),
    )
    assert [leased.number for leased in lease(session, run_id, 10, NOW)] == [4, 2, 1, 0, 3]


def test_a_lease_takes_no_more_than_its_limit_and_no_request_twice(session: Session, run_id: int) -> None:
    add(session, run_id, *map(request, range(5)))
    first, second = (lease(session, run_id, 3, NOW) for _ in range(2))
    assert [leased.number for leased in first] == [4, 3, 2]
    assert [leased.number for leased in second] == [1, 0]
    assert (first[0].url, first[0].request) == ("http://shop/4", "{}")
    assert set(states(session, run_id).values()) == {LEASED}


def test_a_request_is_not_leased_before_its_time(session: Session, run_id: int) -> None:
    add(session, run_id, request(0), request(1, not_before=NOW))
    assert [leased.number for leased in lease(session, run_id, 5, NOW - timedelta(microseconds=1))] == [0]
    assert [leased.number for leased in lease(session, run_id, 5, NOW)] == [1]


def test_a_request_of_a_host_that_asks_to_wait_is_not_leased(session: Session, run_id: int) -> None:
    urls = ["http://shop/0", "https://SHOP/1", "http://shop:81/2", "http://shop.example/3", "http://a_b%/4"]
    add(session, run_id, *(request(number, url=url) for number, url in enumerate(urls)))
    assert [one.number for one in lease(session, run_id, 9, NOW, ["shop", "axbc"])] == [4, 3, 2]
    assert [one.number for one in lease(session, run_id, 9, NOW)] == [1, 0]


def test_a_released_request_is_leased_again(session: Session, run_id: int) -> None:
    add(session, run_id, *map(request, range(3)))
    lease(session, run_id, 3, NOW)
    release(session, run_id, [0, 2])
    assert states(session, run_id) == {0: QUEUED, 1: LEASED, 2: QUEUED}


def test_a_lease_takes_only_queued_requests_of_its_run(session: Session, run_id: int, engine: Engine) -> None:
    add(session, run_id, request(0), request(1), request(2))
    settle(session, run_id, [Settled(number=0, state=DONE), Settled(number=1, state=FAILED)], NOW)
    session.commit()
    other = claim_run(make_sessions(engine), "books", {"category": "crime"}).id
    with session.begin():
        assert lease(session, other, 5, NOW) == []
        assert [leased.number for leased in lease(session, run_id, 5, NOW)] == [2]


# --- Settling -----------------------------------------------------------------------------------------------


def test_settling_stores_the_state_and_counts_the_attempt(session: Session, run_id: int) -> None:
    add(session, run_id, *map(request, range(3)))
    results = [
        Settled(number=0, state=DONE, status=200, merged=2),
        Settled(number=1, state=FAILED, status=503, error="HTTP 503", kept_page="p"),
        Settled(number=2, state=SKIPPED, error="robots.txt"),
    ]
    settle(session, run_id, results, NOW)
    settle(session, run_id, [results[1]], NOW + timedelta(1))
    found = session.scalars(select(CrawlRequest).order_by(CrawlRequest.number)).all()
    assert [
        (row.state, row.status, row.error, row.kept_page, row.merged, row.attempts, row.settled_at)
        for row in found
    ] == [
        (DONE, 200, None, None, 2, 1, NOW),
        (FAILED, 503, "HTTP 503", "p", None, 2, NOW + timedelta(1)),
        (SKIPPED, None, "robots.txt", None, None, 1, NOW),
    ]
    assert count(session, run_id, DONE, FAILED) == 2


# --- Recovering ---------------------------------------------------------------------------------------------


def test_the_frontier_of_a_new_run_is_empty(session: Session, run_id: int) -> None:
    state = recover_frontier(session, run_id, start_read=False)
    assert (state.next_number, state.queued, state.makes_sessions) == (0, 0, False)


@pytest.fixture
def interrupted(session: Session, run_id: int) -> int:
    """A run with a request in each state."""
    add(session, run_id, *map(request, range(5)), leased=lambda new: new.number == 1)
    results = [Settled(number=n, state=state) for n, state in ((2, DONE), (3, FAILED), (4, SKIPPED))]
    settle(session, run_id, results, NOW)
    return run_id


def test_leased_and_failed_requests_are_queued_again(session: Session, interrupted: int) -> None:
    state = recover_frontier(session, interrupted, start_read=True)
    assert states(session, interrupted) == {0: QUEUED, 1: QUEUED, 2: DONE, 3: QUEUED, 4: SKIPPED}
    assert (state.next_number, state.queued, state.makes_sessions) == (5, 3, False)
    failed = session.get_one(CrawlRequest, (interrupted, 3))
    assert (failed.settled_at, failed.attempts) == (None, 1)


def test_a_request_that_is_queued_again_does_not_wait_for_its_time(session: Session, run_id: int) -> None:
    add(session, run_id, request(0, not_before=NOW + timedelta(1)), leased=lambda _: True)
    recover_frontier(session, run_id, start_read=True)
    assert [leased.number for leased in lease(session, run_id, 1, NOW)] == [0]


@pytest.mark.parametrize("start_read", [True, False])
def test_rejected_items_of_pages_that_are_processed_again_are_deleted(
    session: Session, interrupted: int, start_read: bool
) -> None:
    for number in (1, 2, 3, 4, None):  # None: start()
        reject(session, interrupted, number)
    recover_frontier(session, interrupted, start_read=start_read)
    assert rejected(session) == ([2, 4, None] if start_read else [2, 4])


def test_a_login_is_skipped_because_start_yields_it_again(session: Session, run_id: int) -> None:
    add(session, run_id, *(request(n, request=None) for n in range(3)))
    settle(session, run_id, [Settled(number=0, state=DONE), Settled(number=1, state=FAILED)], NOW)
    state = recover_frontier(session, run_id, start_read=True)
    assert states(session, run_id) == {0: DONE, 1: SKIPPED, 2: SKIPPED}
    assert (state.next_number, state.queued, state.makes_sessions) == (3, 0, True)


def test_a_recovery_changes_no_other_run(session: Session, interrupted: int, engine: Engine) -> None:
    reject(session, interrupted, 3)
    session.commit()
    other = claim_run(make_sessions(engine), "books", {"category": "crime"}).id
    with session.begin():
        recover_frontier(session, other, start_read=False)
        assert states(session, interrupted) == {0: QUEUED, 1: LEASED, 2: DONE, 3: FAILED, 4: SKIPPED}
        assert rejected(session) == [3]
