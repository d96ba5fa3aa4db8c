"""The end of a run: marking rows as gone, the verdict, and the mark that the run is over."""

from __future__ import annotations

import logging
import socket
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from crawler.download.link_schemes import REFUSED
from crawler.run.verdict import (
    BELOW_POLICY,
    GOOD,
    Ending,
    Verdict,
    button_note,
    cut_note,
    empty_note,
    forbidden_note,
    grid_note,
    next_note,
    refused_note,
    shared_key_note,
)
from models import CrawlRun, RejectedItem, Row
from models.change import GONE, Change
from models.chunks import chunks
from models.crawl_page import forget_pages_before
from models.existing.definition import ExistingRow
from models.request import DONE, FAILED, count
from models.run import ClaimedRun, RunEnd, database_now, end_run
from models.run_condition import in_run
from models.run_failures import forbidden_pages, ignored_pages, refused_pages
from models.run_stats import (
    RunStats,
    count_run,
    cut_pages,
    has_earlier_run,
    pages_short_of_grid,
    pages_with_next_left,
    pages_without_button,
    skipped_because,
    stats_of_good_runs,
    stored_models,
)
from models.shared_keys import shared_keys
from models.trial_run import adopt_rows_of_trials
from pipelines.storage.leave_run import end_order
from pipelines.storage.run_context import RunContext
from pipelines.storage.statements import key_in
from pipelines.storage.trial_verdict import TrialEnd
from pipelines.storage.write_existing import write_gone
from pipelines.storage.write_history import write_changes

logger = logging.getLogger("splashdown.run")

FIRST = "the first run with these arguments: there is no earlier run to compare its rows and columns with"
NONE_GOOD = "no earlier run with these arguments was good: there is no good run to compare its columns with"


def finish_run(session: Session, context: RunContext, ending: Ending) -> Verdict:
    """Write the last transaction of a crawl and return its verdict.

    A run that tried every page is over, and its rows that it did not see are gone. Another run is left to be resumed.
    A trial is over however it ends, and it makes no row gone.
    """
    run = context.run
    now = database_now(session)
    is_trial = run.trial_pages is not None
    notes: list[str] = []
    gone_rows: Mapping[str, int] = {}
    not_seen: list[str] = []
    good = stats_of_good_runs(session, run.scope, run.id)
    if not is_trial:
        adopt_rows_of_trials(session, run, stored_models(session))
    if ending.covered and context.delta and not is_trial:
        forget_pages_before(session, run.scope, run.id)
    if ending.covered and not is_trial:
        why = reason_to_mark_none(session, context)
        if why is None:
            gone_rows, why = mark_gone(session, context, now)
            not_seen += [why] if why else []
        if why:
            why = f"no row is marked as gone: {why}"
            logger.warning("%s: %s", run.spider, why)
            notes.append(why)
        if not has_earlier_run(session, run.scope, run.id):
            notes.append(FIRST)
        elif not good:
            notes.append(NONE_GOOD)
    if run.again:
        notes.append(
            f"{run.again} of its pages, failed or refused before, were crawled again (--failed-only)"
        )
    notes += button_note(pages_without_button(session, run.id))
    shared = shared_keys(session, run.id) if context.history else []
    for line in (
        *shared_key_note(shared),
        *next_note(pages_with_next_left(session, run.id)),
        *grid_note(pages_short_of_grid(session, run.id)),
    ):
        logger.warning("%s: %s", run.spider, line)
        notes.append(line)
    stats = count_run(session, run.id, history=context.history)
    # That some links are forbidden is usual; that all pages are explains a run without rows.
    forbidden = [] if stats.pages.get(DONE) else forbidden_note(*forbidden_pages(session, run.id))
    for line in (*empty_note(stats, good, own_tables(session)), *forbidden):
        logger.warning("%s: %s", run.spider, line)
        notes.append(line)
    if not context.history:
        stats = replace(stats, changes={f"{table}/{GONE}": number for table, number in gone_rows.items()})
    trial = None
    if run.trial_pages is not None:
        trial = TrialEnd.of(session, run.id, run.trial_pages, stats)
        notes.insert(0, trial.note)
    verdict = ending.verdict
    if verdict is None:
        faults: list[str] = []
        emptied: list[str] = []
        if trial is not None and context.policy is not None:
            faults, remarks = trial.judge(context.policy, stats, good)
            notes += remarks
        elif context.policy is not None:
            faults, emptied = context.policy.faults_of(stats), context.policy.emptied(stats, good)
        removed = removed_rows(session, run, stats, gone_rows)
        broken = (*faults, *emptied, *not_seen, *removed)
        verdict = Verdict(
            code=BELOW_POLICY if broken else GOOD,
            reasons=broken,
            acceptable=bool(emptied or not_seen) and not faults and not removed,
        )
    cut = cut_note(cut_pages(session, run.id)) if stats.cut else []
    refused = refused_note(refused_pages(session, run.id))
    reasons = (*verdict.reasons, *refused, *cut, *refused_links(session, run.id))
    verdict = replace(verdict, reasons=reasons)
    note = "; ".join(notes) or None
    end = RunEnd(
        reason=ending.reason,
        finished=ending.covered or is_trial,
        verdict=verdict.code,
        reasons=verdict.reasons,
        note=note,
        counts=stats.as_json(),
        versions=context.versions,
        host=socket.gethostname(),
        seconds=ending.seconds,
        peak_memory=ending.peak_memory,
        acceptable=verdict.acceptable,
    )
    end_run(session, run, end, now)
    end_order(session, run, verdict)
    return replace(verdict, counts=stats, ignored=tuple(ignored_pages(session, run.id)), note=note)


def own_tables(session: Session) -> set[str]:
    """Return the tables that spiders fill alone. An existing table may have columns for other programs."""
    return {model.__tablename__ for model in stored_models(session) if not issubclass(model, ExistingRow)}


def removed_rows(
    session: Session, run: ClaimedRun, stats: RunStats, gone_rows: Mapping[str, int]
) -> list[str]:
    """Return a line for each table that has fewer rows than the run created, by its history."""
    lines = []
    for model in stored_models(session):
        table = model.__tablename__
        created = stats.changes.get(f"{table}/created", 0)
        # The run itself deletes children that are not in their parent's list any more.
        deleted_children = stats.changes.get(f"{table}/gone", 0) - gone_rows.get(table, 0)
        if stats.rows.get(table, 0) >= created - deleted_children:
            continue
        # Another run may have seen some of the rows since.
        began = select(CrawlRun.started_at).where(CrawlRun.id == run.id).scalar_subquery()
        since = select(func.count()).select_from(model.rows_from())
        there = session.scalar(since.where(model.bookkeeping_table().c.first_seen_at >= began))
        if (missing := created - deleted_children - (there or 0)) > 0:
            lines.append(
                f"{missing} of the {created} rows of {table} that the run created are missing: "
                "another program deleted them"
            )
    return lines


def refused_links(session: Session, run_id: int) -> tuple[str, ...]:
    """Return a line about the links that were not followed because of their scheme, if any. It makes no run bad."""
    found = skipped_because(session, run_id, REFUSED)
    if not found:
        return ()
    which = ", ".join(f"{reason.partition(' ')[0]} {number}" for reason, number in sorted(found.items()))
    return (f"{sum(found.values())} links were not followed because of their scheme ({which}; LINK_SCHEMES)",)


def reason_to_mark_none(session: Session, context: RunContext) -> str | None:
    """Return why the run did not see the whole site, so that no row may be marked as gone; None if it did."""
    failed = count(session, context.run.id, FAILED)
    if failed:
        return f"{failed} of its pages failed"
    refused = sum(one.pages for one in refused_pages(session, context.run.id))
    if refused:
        return f"{refused} of its pages were refused by the site"
    cut = len(cut_pages(session, context.run.id))
    if cut:
        return f"{cut} of its pages were cut"
    unknown = session.scalar(
        select(func.count())
        .select_from(RejectedItem)
        .where(in_run(RejectedItem.run_id, context.run.id), RejectedItem.keyed.is_(False))
    )
    if unknown:
        return f"{unknown} of its items were rejected without a valid natural key, so their rows are unknown"
    return None


def mark_gone(session: Session, context: RunContext, now: datetime) -> tuple[Mapping[str, int], str | None]:
    """Mark the rows of the scope that the run did not see as gone; return their number by table.

    Returns no number and the reason if GONE_LIMIT forbids it.
    """
    run = context.run
    scope = select(CrawlRun.id).where(CrawlRun.scope == run.scope)
    changes: list[Change] = []
    for model in _models_of(session, context):
        table = model.bookkeeping_table()
        ours = table.c.run_id.in_(scope) & table.c.gone_at.is_(None)
        key = [table.c[name] for name in model.key()]
        known = session.scalar(select(func.count()).select_from(table).where(ours)) or 0
        # A later run may have seen a row, and then the row is there.
        not_seen = select(*key).where(ours, table.c.run_id < run.id)
        unseen = [tuple(row) for row in session.execute(not_seen)]
        if len(unseen) > known * context.gone_limit:
            return {}, (
                f"{len(unseen)} of the {known} rows of {model.__tablename__} were not seen, more than GONE_LIMIT "
                f"({context.gone_limit:.0%}) allows"
            )
        for some in chunks(unseen):
            # Another run may see a row meanwhile. It cannot see the rows of this query until our COMMIT.
            locked = session.execute(not_seen.where(key_in(session, model, some)).with_for_update())
            changes += [Change(model=model, key=tuple(found), kind=GONE) for found in locked]
    by_model: dict[type[Row], list[tuple[object, ...]]] = {}
    for change in changes:
        by_model.setdefault(change.model, []).append(change.key)
    for model, keys in by_model.items():
        for some in chunks(keys):
            rows = update(model.bookkeeping_table()).where(key_in(session, model, some))
            session.execute(rows.values(gone_at=now))
            if issubclass(model, ExistingRow):
                write_gone(session, model, some, now)
    if changes:
        write_changes(session, context, changes, now)
        logger.info("%s: %d rows are gone", run.spider, len(changes))
    return {model.__tablename__: len(keys) for model, keys in by_model.items()}, None


def _models_of(session: Session, context: RunContext) -> list[type[Row]]:
    """Return the models that have rows which this scope has seen."""
    scope = select(CrawlRun.id).where(CrawlRun.scope == context.run.scope)
    return [
        model
        for model in stored_models(session)
        for columns in [model.bookkeeping_table().c]
        if session.scalar(select(columns.run_id).where(columns.run_id.in_(scope)).limit(1)) is not None
    ]
