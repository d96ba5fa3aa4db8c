"""Rejected items once more: what is fit by now is stored, with its history, in a run of its own."""

from __future__ import annotations

from scrapy.settings import BaseSettings
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from crawler.page import Commit
from crawler.row import ValidRow, row_of
from models import RejectedItem, Row
from models.run import Closing, database_now, end_run, fence, hold_run
from models.session import make_sessions
from models.tally import row_models
from pipelines.target import Target
from pipelines.transaction import refused_rows, write_pages
from pipelines.validate import InvalidItem, UnknownField, validated

BATCH = 200


def replay(
    engine: Engine, settings: BaseSettings, *, spider: str | None = None, run_id: int | None = None
) -> tuple[int, int]:
    """Validate the rejected items again and store those that are fit; gives how many are stored, and are not.

    Raises:
        RunIsAlive: another replay is going on.
    """
    sessions = make_sessions(engine)
    run = hold_run(sessions, "replay", {})
    target = Target(
        run=run,
        history=settings.getbool("HISTORY_ENABLED", True),
        outbox=settings.getbool("OUTBOX_ENABLED", False),
    )
    stored = left = last = 0
    commits = run.commits
    while True:
        with sessions.begin() as session:
            fence(session, run, commits)
            found = _next(session, spider, run_id, last)
            if found:
                fit, unfit = _sort_out(session, target, found)
                write_pages(session, target, [Commit(rows=tuple(row for _, row in fit))], commits)
                _mark(session, [one.id for one, _ in fit])
                stored, left, last = stored + len(fit), left + unfit, found[-1].id
            else:
                end_run(session, run, Closing(reason="finished", finished=True), database_now(session))
        commits += 1
        if not found:
            return stored, left


def _next(session: Session, spider: str | None, run_id: int | None, last: int) -> list[RejectedItem]:
    query = select(RejectedItem).where(RejectedItem.replayed_at.is_(None), RejectedItem.id > last)
    if spider:
        query = query.where(RejectedItem.spider == spider)
    if run_id:
        query = query.where(RejectedItem.run_id == run_id)
    return list(session.scalars(query.order_by(RejectedItem.id).limit(BATCH)))


def _sort_out(
    session: Session, target: Target, found: list[RejectedItem]
) -> tuple[list[tuple[RejectedItem, ValidRow]], int]:
    """Those that are fit, with their rows; and how many are not. These get their reasons of today."""
    models: dict[str, type[Row]] = {model.__tablename__: model for model in row_models()}
    fit: list[tuple[RejectedItem, ValidRow]] = []
    for one in found:
        model = models.get(one.table_name)
        if model is None:
            continue
        try:
            fit.append((one, row_of(validated(one.item, model), model)))
        except InvalidItem as invalid:
            one.reasons = dict(invalid.reasons)
        except UnknownField as unknown:
            one.reasons = {unknown.name: "is no field of the model any more"}
    trial = session.begin_nested()
    refused = refused_rows(session, target, [row for _, row in fit]) if fit else []
    trial.rollback()  # what is stored for good is compared with what was there, for the history
    reasons = {id(row): reason for row, reason in refused}
    for one, row in fit:
        if id(row) in reasons:
            one.reasons = {"": reasons[id(row)]}
    kept = [(one, row) for one, row in fit if id(row) not in reasons]
    return kept, len(found) - len(kept)


def _mark(session: Session, ids: list[int]) -> None:
    if ids:
        session.execute(
            update(RejectedItem).where(RejectedItem.id.in_(ids)).values(replayed_at=database_now(session))
        )
