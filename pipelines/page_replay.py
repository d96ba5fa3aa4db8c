"""Storing what the spider yields today for page snapshots: a transaction for each page, as rows of the page's run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scrapy.settings import BaseSettings
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from crawler.page.parse_result import ParseResult
from crawler.page.row import ValidRow
from models import RejectedItem, Row
from models.replayable_pages import ReplayablePage, mark_done, rejected_on
from models.run import RunEnd, claim_run, database_now, end_run
from models.run_stats import row_models
from models.run_transaction import begin_transaction
from models.session import make_sessions
from pipelines.storage.refused_rows import find_refused_rows
from pipelines.storage.run_context import RunContext
from pipelines.storage.statements import key_in
from pipelines.storage.write_history import write_changes
from pipelines.storage.write_rows import write_batch
from pipelines.validate import readable_key

Key = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of replaying one page."""

    stored: int
    newer: int  # rows that a later run has seen, and that stay unchanged
    fault: str | None  # why the page still has to be replayed; None if it has not


class PageStore:
    """The store of replayed pages. It owns the run ``replay``, so only one such process writes; ``close`` ends the run.

    Raises:
        RunIsAlive: another process replays.
    """

    def __init__(self, engine: Engine, settings: BaseSettings) -> None:
        self.sessions = make_sessions(engine)
        self.run = claim_run(self.sessions, "replay", {})
        self.commits = self.run.commits
        self.context = RunContext(
            run=self.run,
            history=settings.getbool("HISTORY_ENABLED", True),
            outbox=settings.getbool("OUTBOX_ENABLED", False),
        )

    def store(self, page: ReplayablePage, result: ParseResult, *, reason: str, fetched: datetime) -> Outcome:
        """Store the valid rows, and mark the page and its rejected items as replayed if nothing is wrong any more.

        Args:
            reason: why the page was saved.
            fetched: when the page was fetched; rows that a later run has seen are not overwritten.
        """
        with self.sessions.begin() as session:
            begin_transaction(session, self.run, self.commits)
            now = database_now(session)
            newer = _rows_seen_later(session, result.rows, page.run_id, fetched)
            not_seen_later = [row for row in result.rows if (row.model, row.key) not in newer]
            refused = self._refused(session, not_seen_later)
            valid_rows = [row for row in not_seen_later if id(row) not in {id(one) for one, _, _ in refused}]
            changes = write_batch(session, valid_rows, run_id=page.run_id, now=now) if valid_rows else []
            if changes:
                write_changes(session, self.context, changes, now, lambda _: page.url)
            fault = result.still_wrong(reason) or "; ".join(why for _, why, _ in refused) or None
            good = {(row.model, row.key) for row in valid_rows} | newer
            for item in rejected_on(session, page):
                if fault is None or _is_among(item, good):
                    item.replayed_at = now
            # An unfinished run fetches the page again. If the page were marked, its new requests would be
            # lost.
            if fault is None and (page.over or not result.links):
                mark_done(session, page, now)
        self.commits += 1
        return Outcome(stored=len(valid_rows), newer=len(result.rows) - len(not_seen_later), fault=fault)

    def close(self) -> None:
        with self.sessions.begin() as session:
            begin_transaction(session, self.run, self.commits)
            end_run(session, self.run, RunEnd(reason="finished", finished=True), database_now(session))

    def _refused(self, session: Session, rows: Sequence[ValidRow]) -> list[tuple[ValidRow, str, Exception]]:
        if not rows:
            return []
        savepoint = session.begin_nested()
        refused = find_refused_rows(session, self.context, rows)
        savepoint.rollback()
        return refused


def _rows_seen_later(
    session: Session, rows: Sequence[ValidRow], run_id: int, fetched: datetime
) -> set[tuple[type[Row], Key]]:
    """Return the rows that a later run has seen or marked as gone: an old page must not overwrite them."""
    later = set()
    for model in {row.model for row in rows}:
        table = model.bookkeeping_table()
        key = [table.c[name] for name in model.key()]
        keys = sorted({row.key for row in rows if row.model is model}, key=repr)
        query = select(*key).where(
            key_in(session, model, keys), (table.c.run_id > run_id) | (table.c.gone_at > fetched)
        )
        later |= {(model, tuple(found)) for found in session.execute(query)}
    return later


def _is_among(item: RejectedItem, good: set[tuple[type[Row], Key]]) -> bool:
    models = {model.__tablename__: model for model in row_models()}
    model = models.get(item.table_name)
    return model is not None and (model, readable_key(item.item, model)) in good
