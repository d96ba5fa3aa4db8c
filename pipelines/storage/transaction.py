"""The content of a transaction of pages: rows, changes, events, rejected items, new requests, states of requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from crawler.page.commit import Commit, Committed
from crawler.page.row import Rejection, ValidRow
from models import CrawlRun, RejectedItem, Row
from models.change import CHANGED, CREATED, RETURNED, Change
from models.crawl_page import write_page_notes
from models.outbox import PageOf
from models.rendering import write_lessons
from models.request import QUEUED, insert_new, settle
from models.run import ClaimedRun, database_now
from models.worker import hold_partitions
from pipelines.storage.run_context import RunContext
from pipelines.storage.shared_rows import shared_rows
from pipelines.storage.touch import mark_seen
from pipelines.storage.waiting_rows import NOTHING_RELEASED, release_waiting_rows, separate_waiting_rows
from pipelines.storage.write_history import write_changes
from pipelines.storage.write_rows import write_batch


def write_pages(session: Session, context: RunContext, commits: Sequence[Commit]) -> list[Committed]:
    """Write the pages as one transaction of the run and return what became of each.

    Raises:
        PartitionsLost: another worker has the partition of a page, or one of ``request_tenures``, now.
    """
    run = context.run
    held = {commit.tenure for commit in commits if commit.tenure is not None}
    held.update(*(commit.request_tenures for commit in commits))
    hold_partitions(session, run.id, held)
    now = database_now(session)
    rows = [row for commit in commits for row in commit.rows]
    waiting_rows: Mapping[int, Rejection] = {}
    if not context.check_parents.isdisjoint({row.model for row in rows}):
        rows, waiting_rows = separate_waiting_rows(session, context, rows)
    changes = write_batch(session, rows, run_id=run.id, now=now, all_new=context.all_new) if rows else []
    released = release_waiting_rows(session, context, rows, now) if context.awaited else NOTHING_RELEASED
    changes += released.changes
    if changes:
        write_changes(session, context, changes, now, _pages_of(commits) if context.outbox else _no_page)
    rejected = [(commit, rejection) for commit in commits for rejection in commit.rejections]
    waiting = [
        (commit, waiting_rows[id(row)])
        for commit in commits
        for row in commit.rows
        if id(row) in waiting_rows
    ]
    if rejected or waiting:
        _store_rejected(session, run, [*rejected, *waiting], now)
    found = [request for commit in commits for request in commit.requests]
    states = {}
    if found and run.is_shared:
        parts = {one.part for one in held}  # no other worker takes these partitions before the COMMIT
        states = insert_new(
            session,
            run.id,
            found,
            lambda request: request.part in parts and context.fits_in_window(request),
            is_shared=True,
            is_alone=context.workers == 1,
        )
    elif found:
        states = insert_new(session, run.id, found, context.fits_in_window)
    settled = [commit.settled for commit in commits if commit.settled]
    if shared := shared_rows(commits):
        settled = [replace(one, merged=one.merged + shared.get(one.number, 0)) for one in settled]
    settle(session, run.id, settled, now)
    if notes := [commit.note for commit in commits if commit.note is not None]:
        write_page_notes(session, run.scope, run.id, notes)
    lessons = [commit.lesson for commit in commits if commit.lesson is not None]
    queued_again = sum(commit.settled is not None and commit.settled.state == QUEUED for commit in commits)
    if lessons:
        queued_again += write_lessons(session, run.id, lessons, now)
    if any(commit.start_read for commit in commits):
        session.execute(update(CrawlRun).where(CrawlRun.id == run.id).values(start_read=True))
    counts = _count_changes([*rows, *released.rows], changes, [rejection for _, rejection in rejected])
    counts.update(f"{rejection.model.__tablename__}/waiting" for _, rejection in waiting)
    counts.subtract(f"{model.__tablename__}/waiting" for model in released.models)
    return [
        Committed(
            states={r.number: states[r.number] for r in commit.requests if r.number in states},
            changes=counts if position == 0 else {},
            stored=_count_rows(row for row in commit.rows if id(row) not in waiting_rows)
            + (_count_rows(released.rows) if position == 0 else 0),
            rejected=len(commit.rejections),
            queued_again=queued_again if position == 0 else 0,
        )
        for position, commit in enumerate(commits)
    ]


def _no_page(_change: Change) -> str | None:
    return None


def _pages_of(commits: Sequence[Commit]) -> PageOf:
    """Return a function that returns the URL of the page that a changed row, or its parent row, came from."""
    urls: dict[tuple[type[Row], tuple[Any, ...]], str | None] = {}
    for commit in commits:
        for row in commit.rows:
            urls[row.model, row.key] = commit.url
            for name, items in row.children.items():
                model = row.model.children()[name].model
                urls.update(dict.fromkeys([(model, model.key_getter()(item)) for item in items], commit.url))
    return lambda change: urls.get((change.model, change.key))


def _count_rows(rows: Iterable[ValidRow]) -> int:
    """Return the number of the rows and their children."""
    return sum(1 + sum(map(len, row.children.values())) for row in rows)


def _count_changes(
    rows: Sequence[ValidRow], changes: Sequence[Change], rejections: Sequence[Rejection]
) -> Counter[str]:
    """Count rows and items by table and change: "book/created", "book/unchanged", "book/rejected"."""
    counted = Counter(f"{change.model.__tablename__}/{change.kind}" for change in changes)
    seen = Counter(row.model.__tablename__ for row in rows)
    for row in rows:
        for name, items in row.children.items():
            seen[row.model.children()[name].model.__tablename__] += len(items)
    for table, number in seen.items():
        touched = sum(counted[f"{table}/{kind}"] for kind in (CREATED, CHANGED, RETURNED))
        if number > touched:
            counted[f"{table}/unchanged"] = number - touched
    counted.update(f"{rejection.model.__tablename__}/rejected" for rejection in rejections)
    return counted


def _store_rejected(
    session: Session, run: ClaimedRun, rejected: Sequence[tuple[Commit, Rejection]], now: Any
) -> None:
    keys: dict[type[Row], list[tuple[Any, ...]]] = {}
    for _, rejection in rejected:
        if rejection.key is not None:
            keys.setdefault(rejection.model, []).append(rejection.key)
    existing = {
        model: mark_seen(session, model, of_model, run_id=run.id, now=now) for model, of_model in keys.items()
    }
    rows = [
        {
            "run_id": run.id,
            "request_number": commit.number,
            "spider": run.spider,
            "table_name": rejection.model.__tablename__,
            "url": commit.url,
            "item": dict(rejection.item),
            "reasons": dict(rejection.reasons),
            "at": now,
            "keyed": rejection.key is not None,
            "kept_page": commit.kept_page,
            "replayed_at": None,
            "validated": rejection.validated,
            "waits_for": rejection.waits_for,
            "row_kept": rejection.key is not None and rejection.key in existing[rejection.model],
        }
        for commit, rejection in rejected
    ]
    session.execute(insert(RejectedItem.__table__), rows)  # type: ignore[arg-type]
