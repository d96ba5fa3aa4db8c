"""Reads the records of pages for a crawl with DELTA, in a thread of its own, several in one query."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from models.crawl_page import StoredPage, find_pages, last_finished_run
from models.error_text import error_line
from models.redaction import redacted

logger = logging.getLogger(__name__)


class StoredPages:
    """The records of the pages of a run's scope.

    A query has all pages that were asked for while the query before it ran.
    """

    def __init__(self, engine: Engine, scope: bytes, run_id: int) -> None:
        self.last_run = 0  # the scope's last finished run; known after the first find()
        self._engine, self._scope, self._run_id = engine, scope, run_id
        self._thread = ThreadPoolExecutor(1, "stored-pages")
        self._waiting: dict[bytes, asyncio.Future[StoredPage | None]] = {}
        self._reader: asyncio.Task[None] | None = None
        self._began = self._warned = False

    async def find(self, page: bytes) -> StoredPage | None:
        """Return the record of a page; None if there is none, or if the database does not answer."""
        future = self._waiting.get(page)
        if future is None:
            future = self._waiting[page] = asyncio.get_running_loop().create_future()
        if self._reader is None:
            self._reader = asyncio.ensure_future(self._read())
        return await future

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False)

    async def _read(self) -> None:
        try:
            while self._waiting:
                waiting, self._waiting = self._waiting, {}
                found = await self._found(list(waiting))
                for page, future in waiting.items():
                    if not future.done():
                        future.set_result(found.get(page))
        finally:
            self._reader = None

    async def _found(self, pages: list[bytes]) -> dict[bytes, StoredPage]:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._query, pages)
        except (SQLAlchemyError, RuntimeError) as error:  # RuntimeError: the crawl has ended
            if not self._warned:
                self._warned = True
                logger.warning(
                    "the records of unchanged pages cannot be read, so the pages are fetched: %s",
                    redacted(error_line(error)),
                )
            return {}

    def _query(self, pages: list[bytes]) -> dict[bytes, StoredPage]:
        with Session(self._engine) as session:
            if not self._began:
                self.last_run = last_finished_run(session, self._scope, self._run_id)
                self._began = True
            return find_pages(session, self._scope, pages)
