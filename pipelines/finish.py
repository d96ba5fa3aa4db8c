"""The end of a run: which rows are gone, and the mark that the run is over."""

from __future__ import annotations

import logging
import socket
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from crawler.verdict import BELOW_POLICY, GOOD, Ending, Verdict
from models import CrawlRun, RejectedItem, Row
from models.change import GONE, Change
from models.chunks import chunks
from models.request import FAILED, count
from models.run import Closing, database_now, end_run
from models.tally import good_tallies, row_models, tally
from pipelines.record import record
from pipelines.statements import key_in
from pipelines.target import Target

logger = logging.getLogger("splashdown.run")


def finish_run(session: Session, target: Target, ending: Ending, number: int) -> Verdict:
    """End a run that covered its ground, with the rows that are gone and its verdict; leave another for a resume."""
    run = target.run
    now = database_now(session)
    note = None
    broken: list[str] = []
    gone: Mapping[str, int] = {}
    if ending.covered:
        note = why_nothing_is_gone(session, target)
        if note is None:
            gone, note = _mark_gone(session, target, number, now)
            broken += [note] if note else []
        if note:
            logger.warning("%s: no row is marked as gone: %s", run.spider, note)
    counted = tally(session, run.id)
    verdict = ending.verdict
    if verdict is None:
        if target.policy is not None:
            broken = target.policy.broken_by(counted, good_tallies(session, run.scope, run.id)) + broken
        verdict = Verdict(code=BELOW_POLICY if broken else GOOD, reasons=tuple(broken))
    closing = Closing(
        reason=ending.reason,
        finished=ending.covered,
        verdict=verdict.code,
        reasons=verdict.reasons,
        note=note,
        counts=counted.as_json(),
        versions=target.versions,
        host=socket.gethostname()[:255],
        seconds=ending.seconds,
        peak_memory=ending.peak_memory,
    )
    end_run(session, run, closing, now)
    return replace(verdict, gone=gone)


def why_nothing_is_gone(session: Session, target: Target) -> str | None:
    """What the run did not see, so that a row it did not meet may still be on the site."""
    failed = count(session, target.run.id, FAILED)
    if failed:
        return f"{failed} of its pages failed"
    unknown = session.scalar(
        select(func.count())
        .select_from(RejectedItem)
        .where(RejectedItem.run_id == target.run.id, RejectedItem.keyed.is_(False))
    )
    if unknown:
        return f"{unknown} of its items were rejected without a key that tells which rows they are"
    return None


def _mark_gone(
    session: Session, target: Target, number: int, now: datetime
) -> tuple[Mapping[str, int], str | None]:
    """How many rows of each table are gone now; or why none is."""
    run = target.run
    scope = select(CrawlRun.id).where(CrawlRun.scope == run.scope)
    changes: list[Change] = []
    for model in _models_of(session, target):
        table = model.table()
        ours = table.c.run_id.in_(scope) & table.c.gone_at.is_(None)
        key = [table.c[name] for name in model.key()]
        known = session.scalar(select(func.count()).select_from(table).where(ours)) or 0
        unseen = [tuple(row) for row in session.execute(select(*key).where(ours, table.c.run_id != run.id))]
        if len(unseen) > known * target.gone_limit:
            return {}, (
                f"{len(unseen)} of the {known} rows of {table.name} were not seen, more than GONE_LIMIT "
                f"({target.gone_limit:.0%}) allows"
            )
        changes += [Change(model=model, key=found, kind=GONE) for found in unseen]
    by_model: dict[type[Row], list[tuple[object, ...]]] = {}
    for change in changes:
        by_model.setdefault(change.model, []).append(change.key)
    for model, keys in by_model.items():
        for some in chunks(keys):
            session.execute(update(model.table()).where(key_in(session, model, some)).values(gone_at=now))
    if changes:
        record(session, target, changes, number, now)
        logger.info("%s: %d rows are gone", run.spider, len(changes))
    return {model.__tablename__: len(keys) for model, keys in by_model.items()}, None


def _models_of(session: Session, target: Target) -> list[type[Row]]:
    """The models whose rows this run's scope has seen."""
    scope = select(CrawlRun.id).where(CrawlRun.scope == target.run.scope)
    return [
        model
        for model in row_models()
        if session.scalar(select(model.table().c.run_id).where(model.table().c.run_id.in_(scope)).limit(1))
        is not None
    ]
