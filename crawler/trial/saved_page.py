"""The first page of a trial as a page snapshot, from which a test case is made."""

from __future__ import annotations

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from crawler.page.snapshot_policy import REQUESTED
from crawler.snapshots.page_snapshot import PageSnapshot, take_snapshot
from crawler.trial.trial_pages import TrialPages
from models.request import DONE, CrawlRequest


def first_page(engine: Engine, pages: TrialPages, spider: str) -> PageSnapshot:
    """Return a snapshot of the first page of a trial whose request is done in the trial's database."""
    assert pages.first is not None
    with Session(engine) as session:
        stored = session.scalars(
            select(CrawlRequest).where(CrawlRequest.state == DONE).order_by(CrawlRequest.number).limit(1)
        ).one()
        return take_snapshot(
            pages.first,
            name=f"{stored.run_id}/{stored.number}",
            spider=spider,
            arguments={},
            reason=REQUESTED,
            why=[],
            request=stored.request or "",
        )
