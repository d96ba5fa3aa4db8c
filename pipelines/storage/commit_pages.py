"""Committing pages. If the database refuses a page, find the part at fault, reject it, and commit the rest."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from crawler.page.commit import Commit, Committed
from crawler.page.row import Rejection, ValidRow
from models.crawl_page import PageForgotten, PageNote
from models.worker import PartitionsLost
from pipelines.storage.database_errors import error_text, is_missing_parent
from pipelines.storage.refused_rows import find_refused_rows, is_row_error, rejection_from_row
from pipelines.storage.retry import Transactions
from pipelines.storage.run_context import RunContext
from pipelines.storage.transaction import write_pages
from pipelines.storage.waiting_rows import separate_waiting_rows

logger = logging.getLogger(__name__)

MAX_FIELD = 1000  # characters, of a field of an item that cannot be stored as it is


def commit_pages(
    transactions: Transactions, context: RunContext, commits: Sequence[Commit]
) -> list[Committed]:
    """Commit the pages together and return what became of each. Reject the parts that cannot be stored.

    Raises:
        DatabaseLost, RunLost: no page is the cause.
        Exception: the database refuses a page, and none of its parts is the cause.
    """
    try:
        return transactions.run(
            lambda session: write_pages(session, context, commits),
            pages=sum(commit.settled is not None for commit in commits),
        )
    except PartitionsLost as lost:
        lost_pages = [commit.tenure in lost.tenures for commit in commits]
        others = [
            replace(commit, request_tenures=commit.request_tenures - lost.tenures)
            for commit, is_lost in zip(commits, lost_pages, strict=True)
            if not is_lost
        ]
        outcomes = iter(commit_pages(transactions, context, others) if others else ())
        return [Committed(lost=True) if is_lost else next(outcomes) for is_lost in lost_pages]
    except Exception as error:
        if not is_row_error(error):
            raise
        if is_missing_parent(error) and _look_for_parents(context, commits):
            return commit_pages(transactions, context, commits)
        if len(commits) > 1:
            middle = len(commits) // 2
            return commit_pages(transactions, context, commits[:middle]) + commit_pages(
                transactions, context, commits[middle:]
            )
        accepted = _without_refused_rows(transactions, context, commits[0])
        if accepted is None:
            accepted = _without_unstorable_parts(transactions, context, commits[0])
        if accepted is None:
            raise  # none of its parts is the cause
        logger.debug("a page was refused for some of its parts: %s", error)
        return commit_pages(transactions, context, [accepted])


def _look_for_parents(context: RunContext, commits: Sequence[Commit]) -> bool:
    """Let the run look for the parents of these models' rows from now on; return False if it does so already."""
    models = {row.model for commit in commits for row in commit.rows}
    models = {
        model for model in models if any(one.parent_keys() for one in [model, *_descendants(model, set())])
    }
    new = models - context.check_parents
    context.check_parents.update(new)
    return bool(new)


def _descendants(model: Any, known: set[Any]) -> set[Any]:
    """Add the models of the children, and of their children, to ``known`` and return it."""
    for children in model.children().values():
        if children.model not in known:
            known.add(children.model)
            _descendants(children.model, known)
    return known


def _without_refused_rows(transactions: Transactions, context: RunContext, commit: Commit) -> Commit | None:
    """Return the page with its unstorable rows as rejected items; None if it has no such row."""

    def find_refused(session: Session) -> list[tuple[ValidRow, str, Exception]]:
        rows: Sequence[ValidRow] = commit.rows
        if context.check_parents:
            rows, _ = separate_waiting_rows(session, context, rows)
        found = find_refused_rows(session, context, rows)
        session.rollback()
        return found

    refused = transactions.retry(find_refused)
    # A row whose parent is refused is not rejected: it waits for the parent.
    reasons = {id(row): (row, reason) for row, reason, error in refused if not is_missing_parent(error)}
    reasons = reasons or {id(row): (row, reason) for row, reason, _ in refused}
    if not reasons:
        return None
    for row, reason in reasons.values():
        logger.warning("%s: %s", row, reason)
    return replace(
        commit,
        note=_forgotten(commit.note),
        rows=tuple(row for row in commit.rows if id(row) not in reasons),
        rejections=(
            *commit.rejections,
            *(rejection_from_row(row, reason) for row, reason in reasons.values()),
        ),
    )


def _without_unstorable_parts(
    transactions: Transactions, context: RunContext, commit: Commit
) -> Commit | None:
    """Return the page without its other unstorable parts: rejected items, requests, texts. None if it has none.

    A rejected item keeps its reasons. A page that loses a request has failed.
    """
    rejections: list[Rejection] = []
    lost_requests: list[str] = []
    for rejection in commit.rejections:
        reason = _refusal_of(transactions, context, replace(EMPTY, url=commit.url, rejections=(rejection,)))
        if reason is not None:
            rejection = next(
                reduced
                for reduced in _reduced(rejection, reason)
                if reduced.key is None
                or _refusal_of(transactions, context, replace(EMPTY, url=commit.url, rejections=(reduced,)))
                is None
            )
        rejections.append(rejection)
    requests = []
    for request in commit.requests:
        reason = _refusal_of(transactions, context, replace(EMPTY, requests=(request,)))
        if reason is None:
            requests.append(request)
        else:
            lost_requests.append(f"the request for {ascii(request.url)[:200]} cannot be stored: {reason}")
    settled = commit.settled
    if settled is not None and (
        lost_requests or _refusal_of(transactions, context, replace(EMPTY, settled=settled))
    ):
        error = "; ".join(lost_requests) or ascii(settled.error)[:1000]
        settled = replace(settled, state="failed" if lost_requests else settled.state, error=error)
    note = commit.note
    if note is not None and (lost_requests or _refusal_of(transactions, context, replace(EMPTY, note=note))):
        note = _forgotten(note)
    accepted = replace(
        commit, note=note, rejections=tuple(rejections), requests=tuple(requests), settled=settled
    )
    return None if accepted == commit else accepted


def _forgotten(note: PageNote | None) -> PageForgotten | None:
    """Return the note that the next crawl fetches the page."""
    return PageForgotten(page=note.page) if note is not None else None


EMPTY = Commit()


def _refusal_of(transactions: Transactions, context: RunContext, part: Commit) -> str | None:
    """Return why the database refuses a part of a page; None if it accepts the part."""

    def attempt(session: Session) -> None:
        write_pages(session, context, [part])
        session.rollback()

    return _reason_for(transactions, attempt)


def _reason_for(transactions: Transactions, attempt: Callable[[Session], None]) -> str | None:
    """Return why the attempt fails because of a row; None if it succeeds."""
    try:
        transactions.retry(attempt)
    except Exception as error:
        if not is_row_error(error):
            raise
        return error_text(error)
    return None


def _reduced(rejection: Rejection, reason: str) -> Iterator[Rejection]:
    """Yield the rejected item without its long fields, then without any field, then without its key."""
    reasons = {ascii(name)[1:-1]: ascii(reason)[1:-1][:1000] for name, reason in rejection.reasons.items()}
    first = reasons.pop("", None)
    lost_requests = f"its fields cannot be stored: {ascii(reason)[1:-1][:1000]}"
    reasons[""] = f"{first}; {lost_requests}" if first else lost_requests
    short = {ascii(name)[1:-1]: _short(value) for name, value in rejection.item.items()}
    reduced = replace(rejection, item=short, reasons=reasons, validated=False, waits_for=None)
    yield reduced
    yield replace(reduced, item={})
    yield replace(reduced, item={}, key=None)


def _short(value: Any) -> Any:
    try:
        text = json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return f"{type(value).__name__} that cannot be stored"
    return value if len(text) <= MAX_FIELD else f"{len(text)} characters that are not stored"
