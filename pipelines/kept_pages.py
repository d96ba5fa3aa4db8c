"""What kept pages give today goes into the tables: as rows of the run that fetched the page, a transaction a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scrapy.settings import BaseSettings
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from crawler.reading import Reading
from crawler.row import ValidRow
from models import RejectedItem, Row
from models.broken import BrokenPage, mark_done, rejected_on
from models.run import Closing, database_now, end_run, fence, hold_run
from models.session import make_sessions
from models.tally import row_models
from pipelines.batch import write_batch
from pipelines.record import record
from pipelines.statements import key_in
from pipelines.target import Target
from pipelines.transaction import refused_rows
from pipelines.validate import readable_key

Key = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one page."""

    stored: int
    newer: int  # rows that a later crawl has seen since, and which are left as they are
    wrong: str | None  # why the page stays among the broken ones


class PageStore:
    """Holds the run ``replay``, so that one such process writes at a time; ``close`` ends it.

    Raises:
        RunIsAlive: another replay is going on.
    """

    def __init__(self, engine: Engine, settings: BaseSettings) -> None:
        self.sessions = make_sessions(engine)
        self.run = hold_run(self.sessions, "replay", {})
        self.commits = self.run.commits
        self.target = Target(
            run=self.run,
            history=settings.getbool("HISTORY_ENABLED", True),
            outbox=settings.getbool("OUTBOX_ENABLED", False),
        )

    def store(self, page: BrokenPage, reading: Reading, *, reason: str, fetched: datetime) -> Outcome:
        """Store what is fit, and mark what was mended by it.

        Args:
            reason: why the page was kept.
            fetched: when it came; what was seen later is not overwritten.
        """
        with self.sessions.begin() as session:
            fence(session, self.run, self.commits)
            now = database_now(session)
            newer = _seen_later(session, reading.rows, page.run_id, fetched)
            ours = [row for row in reading.rows if (row.model, row.key) not in newer]
            refused = self._refused(session, ours)
            fit = [row for row in ours if id(row) not in {id(one) for one, _ in refused}]
            changes = write_batch(session, fit, run_id=page.run_id, now=now) if fit else []
            if changes:
                record(session, self.target, changes, self.commits, now)
            wrong = reading.still_wrong(reason) or "; ".join(why for _, why in refused) or None
            good = {(row.model, row.key) for row in fit} | newer
            for item in rejected_on(session, page):
                if wrong is None or _is_among(item, good):
                    item.replayed_at = now
            # The links of a page of a run that goes on would be lost with its mark: that run fetches it again.
            if wrong is None and (page.over or not reading.links):
                mark_done(session, page, now)
        self.commits += 1
        return Outcome(stored=len(fit), newer=len(reading.rows) - len(ours), wrong=wrong)

    def close(self) -> None:
        with self.sessions.begin() as session:
            fence(session, self.run, self.commits)
            end_run(session, self.run, Closing(reason="finished", finished=True), database_now(session))

    def _refused(self, session: Session, rows: Sequence[ValidRow]) -> list[tuple[ValidRow, str]]:
        if not rows:
            return []
        trial = session.begin_nested()
        refused = refused_rows(session, self.target, rows)
        trial.rollback()
        return refused


def _seen_later(
    session: Session, rows: Sequence[ValidRow], run_id: int, fetched: datetime
) -> set[tuple[type[Row], Key]]:
    """Those rows that a later run has seen, or has found to be gone: an old page has nothing to say of them."""
    later = set()
    for model in {row.model for row in rows}:
        table = model.table()
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
