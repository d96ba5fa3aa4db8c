"""The records of pages are read several at once; without an answer of the database the pages are fetched."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from frontier.stored_pages import StoredPages
from models.crawl_page import PageRecord, StoredPage, write_page_notes
from models.run import RunEnd, claim_run, database_now, end_run
from models.session import make_engine, make_sessions
from tests.crawler.delta.known_page import KNOWN


def test_pages_that_are_asked_for_at_once_share_a_query(engine: Engine) -> None:
    sessions = make_sessions(engine)
    run = claim_run(sessions, "shop", {})
    fields = {name: getattr(KNOWN, name) for name in PageRecord.__dataclass_fields__}
    with sessions.begin() as session:
        notes = [PageRecord(**fields | {"page": bytes([n]) * 20}) for n in range(20)]
        write_page_notes(session, run.scope, run.id, notes)
        end_run(session, run, RunEnd(reason="finished", finished=True), database_now(session))
    queries: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *args: queries.append(args[2]))

    async def find() -> tuple[list[StoredPage | None], int]:
        stored = StoredPages(engine, run.scope, run.id + 1)
        found = await asyncio.gather(*(stored.find(bytes([n]) * 20) for n in range(21)))
        stored.close()
        return found, stored.last_run

    found, last_run = asyncio.run(find())
    assert [page.page[0] if page else None for page in found] == [*range(20), None]
    assert last_run == run.id
    assert sum("FROM crawl_page" in query for query in queries) <= 2


def test_without_an_answer_of_the_database_no_page_is_known(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'without_tables.db'}")

    async def find() -> list[StoredPage | None]:
        stored = StoredPages(engine, b"s" * 32, 1)
        found = [await stored.find(b"a" * 20), await stored.find(b"b" * 20)]
        stored.close()
        return [*found, await stored.find(b"c" * 20)]

    with caplog.at_level(logging.WARNING):
        assert asyncio.run(find()) == [None, None, None]
    assert len(caplog.records) == 1
    assert "so the pages are fetched: no such table" in caplog.text
    engine.dispose()
