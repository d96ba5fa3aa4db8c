"""What lessons change, in memory and in the table of each database."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from models import CrawlRendering, CrawlRequest
from models.page_shape import Shape
from models.rendering import forget, read_learned, write_lessons
from models.rendering_lesson import (
    ALWAYS,
    BY_PLAIN,
    CONFIRMED,
    LEARNING,
    PLAIN,
    RENDERED,
    Learned,
    Lesson,
    Pattern,
)
from models.request import DONE, QUEUED, Settled, recover_frontier, settle
from models.run import claim_run, database_now
from models.session import make_sessions


def pattern(url: str = "/item/{n}", spider: str = "books") -> Pattern:
    return Pattern(spider=spider, host="a.example", callback="parse", url=url, version=b"v" * 20)


SHAPE = Shape.of_page([("book", {"a": 1})], has_requests=False)


def lesson(equal: bool = True, of: Pattern | None = None, **more: Any) -> Lesson:
    shape = SHAPE if equal else Shape()
    return Lesson(pattern=of or pattern(), equal=equal, reason="why", shape=shape, **more)


def after(*results: bool | str) -> Learned:
    learned = Learned()
    for result in results:
        learned = learned.after(lesson(result is True, impure=result == "impure"))
    return learned


@pytest.mark.parametrize(
    ("results", "mode"),
    [
        ([], LEARNING),
        ([True, True], LEARNING),
        ([True] * 3, PLAIN),
        ([True] * 9 + [False], RENDERED),
        ([True, True, False], RENDERED),
        ([False] + [True] * 9, RENDERED),
        ([False] + [True] * 10, PLAIN),
        ([False, False] + [True] * 10, PLAIN),  # the second one found it rendered already
        ([False] + [True] * 9 + [False] + [True] * 9, RENDERED),
        ([False] + [True] * 10 + [False] + [True] * 29, RENDERED),
        ([False] + [True] * 10 + [False] + [True] * 30, PLAIN),
        (["impure"], ALWAYS),
        (["impure"] + [True] * 99, ALWAYS),
        (["impure", False], ALWAYS),
    ],
)
def test_three_equal_pages_are_plain_and_one_unequal_page_is_rendered(results: list[Any], mode: str) -> None:
    assert after(*results).mode == mode


def test_an_unequal_page_forgets_the_fields_of_the_pages_before_it() -> None:
    assert after(True, True).shape.pages == 2
    assert after(True, True, False, True).shape.pages == 1


def test_the_version_of_the_code_belongs_to_the_key() -> None:
    other = Pattern(spider="books", host="a.example", callback="parse", url="/item/{n}", version=b"w" * 20)
    assert other.key != pattern().key


def test_the_table_has_the_sum_of_all_lessons(engine: Engine) -> None:
    sessions = make_sessions(engine)
    other = pattern("/list")
    for lessons in ([lesson(), lesson(of=other)], [lesson(), lesson(), lesson(False, of=other)]):
        with sessions.begin() as session:
            write_lessons(session, 0, lessons, database_now(session))
    with Session(engine) as session:
        found = read_learned(session, "books", b"v" * 20)
        assert found == {
            pattern().key: after(True, True, True),
            other.key: Learned(
                mode=RENDERED, times_equal=1, times_unequal=1, times_back=1, reason="why", shape=Shape()
            ),
        } | {pattern().key: found[pattern().key]}
        assert found[pattern().key].mode == PLAIN
        assert read_learned(session, "quotes", b"v" * 20) == {}
        assert read_learned(session, "books", b"w" * 20) == {}
        ids = session.scalars(select(CrawlRendering.id)).all()
    with sessions.begin() as session:
        assert forget(session, ids) == 2
        assert read_learned(session, "books", b"v" * 20) == {}


def test_an_unequal_page_wins_over_equal_ones_of_other_machines(engine: Engine) -> None:
    sessions, patterns = make_sessions(engine), [pattern(f"/{n}") for n in range(4)]
    errors: list[Exception] = []
    barrier = threading.Barrier(4)

    def machine(number: int) -> None:
        barrier.wait(30)
        for nth in range(10):
            order = patterns if number % 2 else patterns[::-1]
            equal = not (number == 0 and nth == 2)
            for _ in range(50):  # the writer of a run repeats a transaction after a deadlock, too
                try:
                    with sessions.begin() as session:
                        write_lessons(
                            session, 0, [lesson(equal, of=one) for one in order], database_now(session)
                        )
                    break
                except DBAPIError as error:
                    last = error
            else:
                errors.append(last)

    threads = [threading.Thread(target=machine, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert errors == []
    with Session(engine) as session:
        found = read_learned(session, "books", b"v" * 20).values()
    assert [(one.times_equal, one.times_unequal) for one in found] == [(39, 1)] * 4
    # It is plain again only if ten equal ones came after it.
    assert all(one.mode == (PLAIN if one.equal_in_row >= 10 else RENDERED) for one in found)


def test_a_lesson_queues_its_suspects_again_or_confirms_them(engine: Engine) -> None:
    sessions = make_sessions(engine)
    run = claim_run(sessions, "books", {})
    row = {
        "run_id": run.id,
        "url": "u",
        "request": "{}",
        "priority": 0,
        "position": 0,
        "depth": 0,
        "attempts": 0,
    }
    with sessions.begin() as session:
        now = database_now(session)
        session.execute(
            insert(CrawlRequest.__table__),  # type: ignore[arg-type]
            [row | {"number": n, "identity": bytes([n]) * 20, "state": "leased"} for n in range(6)],
        )
        plain = {"rendering": BY_PLAIN, "rendering_key": pattern().key}
        settle(session, run.id, [Settled(number=n, state=DONE, **plain) for n in range(5)], now)
        assert (
            write_lessons(session, run.id, [lesson(confirmed=(0,)), lesson(False, suspects=(1, 2, 5))], now)
            == 2
        )
    with sessions.begin() as session:
        columns = CrawlRequest.number, CrawlRequest.state, CrawlRequest.rendering
        found = session.execute(select(*columns).order_by(CrawlRequest.number)).all()
        assert [tuple(one) for one in found] == [
            (0, DONE, CONFIRMED),
            (1, QUEUED, None),
            (2, QUEUED, None),
            (3, DONE, BY_PLAIN),
            (4, DONE, BY_PLAIN),
            (5, "leased", None),
        ]
        state = recover_frontier(session, run.id, start_read=True)
        assert dict(state.plain_pages) == {pattern().key: [3, 4]}
