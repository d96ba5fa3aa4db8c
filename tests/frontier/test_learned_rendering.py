"""What a crawl knows about the patterns of its pages: from the table, from other processes, from its own pages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from scrapy import Request, Spider
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from crawler.page.page import Page
from crawler.rendering.decision import Decision
from frontier import learned_rendering
from frontier.learned_rendering import LearnedRendering
from models.page_shape import Shape
from models.rendering import read_learned, write_lessons
from models.rendering_lesson import RENDERED, Lesson
from models.run import database_now
from models.session import make_engine, make_sessions
from tests.databases import make_file_with_tables


class Items(Spider):
    name = "items"

    def parse_item(self, response: Any) -> None:
        pass


SHAPE = Shape.of_page([("quote", {"a": 1})], has_requests=False)


class Process:
    """A process that crawls, with its pages in progress."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.spider = engine, Items()
        self.pages: dict[int, Page] = {}
        self.rendering = LearnedRendering(engine, self.spider, 0.0, page=self.pages.get, draw=lambda: 0.5)

    def begin(self, number: int) -> Page:
        page = self.pages[number] = Page(number, f"http://a.example/item/{number}", lambda _: None)
        request = Request(f"http://a.example/item/{number}", self.spider.parse_item)
        page.rendering = self.rendering.begin(number, request)
        return page

    def decision(self, number: int) -> Decision:
        return self.begin(number).rendering.decision  # type: ignore[union-attr]

    def learn(self, number: int, *, equal: bool) -> Lesson:
        page = self.begin(number)
        self.rendering.learn(page, equal=equal, reason="why", shape=SHAPE if equal else Shape())
        lesson = page.rendering.lesson  # type: ignore[union-attr]
        assert lesson is not None
        return lesson

    def write(self, *lessons: Lesson) -> None:
        with make_sessions(self.engine).begin() as session:
            write_lessons(session, 0, lessons, database_now(session))
        for lesson in lessons:
            self.rendering.written(lesson)

    def answer_plain(self, number: int, shape: Shape = SHAPE) -> Page:
        page = self.begin(number)
        assert page.rendering.decision is Decision.PLAIN  # type: ignore[union-attr]
        self.rendering.note_plain(page.rendering, number, shape)  # type: ignore[arg-type]
        return page


@pytest.fixture
def engine(tmp_path: Path) -> Any:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    make_file_with_tables(url)
    engine = make_engine(url)
    yield engine
    engine.dispose()


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(test())


def test_another_process_knows_what_is_committed(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        one, other = Process(engine), Process(engine)
        assert await one.rendering.is_known()
        assert await other.rendering.is_known()
        one.write(*(one.learn(n, equal=True) for n in range(3)))
        assert one.decision(3) is Decision.PLAIN
        assert other.decision(3) is Decision.COMPARE  # it has not read the table again
        monkeypatch.setattr(learned_rendering, "READ_AGAIN", -1.0)
        await other.rendering.is_known()
        await other.rendering._refresh
        assert other.decision(3) is Decision.PLAIN
        other.answer_plain(4)
        one.write(one.learn(5, equal=False))
        await other.rendering.is_known()
        await other.rendering._refresh
        assert other.decision(6) is Decision.RENDER
        assert other.rendering.last_checks() == [4]  # it was answered before the other process learned better

    run(test)


def test_the_table_does_not_undo_a_lesson_that_is_not_committed(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        process = Process(engine)
        assert await process.rendering.is_known()
        process.write(*(process.learn(n, equal=True) for n in range(3)))
        lesson = process.learn(3, equal=False)
        monkeypatch.setattr(learned_rendering, "READ_AGAIN", -1.0)
        await process.rendering.is_known()
        await process.rendering._refresh
        assert process.decision(4) is Decision.RENDER
        process.write(lesson)
        await process.rendering.is_known()
        await process.rendering._refresh
        assert process.decision(5) is Decision.RENDER
        with Session(engine) as session:
            assert [one.mode for one in read_learned(session, "items", lesson.pattern.version).values()] == [
                RENDERED
            ]

    run(test)


def test_an_unequal_page_makes_plain_pages_suspect_whether_open_or_closed(engine: Engine) -> None:
    async def test() -> None:
        process = Process(engine)
        assert await process.rendering.is_known()
        process.write(*(process.learn(n, equal=True) for n in range(3)))
        still_open, closed = process.answer_plain(10), process.answer_plain(11)
        closed.closed = True
        process.answer_plain(12)
        del process.pages[12]  # committed
        lesson = process.learn(13, equal=False)
        assert lesson.suspects == (11, 12)
        assert still_open.rendering.is_suspect  # type: ignore[union-attr]
        assert process.learn(14, equal=False).suspects == ()

    run(test)


def test_an_equal_page_confirms_the_plain_pages_before_it(engine: Engine) -> None:
    async def test() -> None:
        process = Process(engine)
        assert await process.rendering.is_known()
        process.write(*(process.learn(n, equal=True) for n in range(3)))
        for number in (10, 11):
            process.answer_plain(number)
        (number,) = process.rendering.last_checks()
        assert process.decision(number) is Decision.COMPARE
        page = process.pages[number]
        process.rendering.learn(page, equal=True, reason="why", shape=SHAPE)
        (other,) = {10, 11} - {number}
        assert page.rendering.lesson.confirmed == (other,)  # type: ignore[union-attr]
        process.write(page.rendering.lesson)  # type: ignore[union-attr,arg-type]
        assert process.rendering.last_checks() == []

    run(test)


def test_a_last_comparison_that_teaches_nothing_ends(engine: Engine) -> None:
    async def test() -> None:
        process = Process(engine)
        assert await process.rendering.is_known()
        process.write(*(process.learn(n, equal=True) for n in range(3)))
        for number in range(10, 20):
            process.answer_plain(number)
        asked = [process.rendering.last_checks() for _ in range(5)]
        assert [len(numbers) for numbers in asked] == [1, 1, 1, 0, 0]

    run(test)


def test_a_fall_of_the_coverage_compares_all_pages_until_three_are_equal(engine: Engine) -> None:
    async def test() -> None:
        process = Process(engine)
        assert await process.rendering.is_known()
        process.write(*(process.learn(n, equal=True) for n in range(3)))
        for number in range(10, 30):
            process.answer_plain(number, Shape.of_page([("quote", {"a": None})], has_requests=False))
        process.write(*(process.learn(number, equal=True) for number in (30, 31)))
        assert process.decision(32) is Decision.COMPARE
        process.write(process.learn(33, equal=True))
        assert process.decision(34) is Decision.PLAIN

    run(test)


def test_a_site_whose_pages_are_words_has_a_limited_number_of_patterns(engine: Engine) -> None:
    async def test() -> None:
        process = Process(engine)
        assert await process.rendering.is_known()
        words = [chr(97 + n // 26) + chr(97 + n % 26) for n in range(200)]
        requests = [Request(f"http://a.example/wiki/{word}", process.spider.parse_item) for word in words]
        found = [process.rendering.begin(n, request).pattern.url for n, request in enumerate(requests)]
        assert len(set(found)) == learned_rendering.MOST_PATTERNS + 1
        assert found[-1] == "/{any}/{any}"
        assert process.rendering.begin(0, requests[0]).pattern.url == "/wiki/aa"

    run(test)


def test_pages_are_rendered_if_the_table_cannot_be_read(tmp_path: Path) -> None:
    async def test() -> None:
        engine = make_engine(f"sqlite:///{tmp_path / 'empty.db'}")
        process = Process(engine)
        assert not await process.rendering.is_known()
        assert not await process.rendering.is_known()
        process.rendering.close()
        engine.dispose()

    run(test)
