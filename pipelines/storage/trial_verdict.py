"""The verdict on a trial: which limits it can break although it crawled a part of the pages, and its note."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from crawler.run.verdict import Policy, trial_of
from models.request import LEASED, QUEUED
from models.run import CrawlRun
from models.run_stats import RunStats
from models.trial_run import waiting_items


@dataclass(frozen=True, kw_only=True)
class TrialEnd:
    """What a trial has not crawled.

    Attributes:
        pages: the number of pages that the trial was begun with.
        left: requests that no crawl will make.
        start_read: ``start()`` was read to its end.
        waiting: waiting rows whose parent row did not come, by table.
    """

    pages: int
    left: int
    start_read: bool
    waiting: Mapping[str, int]

    @classmethod
    def of(cls, session: Session, run_id: int, pages: int, stats: RunStats) -> TrialEnd:
        return cls(
            pages=pages,
            left=sum(stats.pages.get(state, 0) for state in (QUEUED, LEASED)),
            start_read=bool(session.scalar(select(CrawlRun.start_read).where(CrawlRun.id == run_id))),
            waiting=waiting_items(session, run_id),
        )

    @property
    def is_part(self) -> bool:
        """Whether there are pages that the trial did not crawl."""
        return bool(self.left) or not self.start_read

    @property
    def note(self) -> str:
        """The line about the trial."""
        left = "1 request is left" if self.left == 1 else f"{self.left or 'no'} requests are left"
        more = "" if self.start_read else "start() was not read to its end; "
        resumes = "no crawl resumes the trial; " if self.is_part else ""
        waiting = sum(self.waiting.values()) if self.is_part else 0
        rows = f"{waiting} rows wait for a parent row that the trial did not reach; " if waiting else ""
        return f"{trial_of(self.pages)}: {left}; {more}{resumes}{rows}no row is marked as gone"

    def judge(self, policy: Policy, stats: RunStats, good: Sequence[RunStats]) -> tuple[list[str], list[str]]:
        """Return the limits that the trial breaks, and remarks: what a part of the pages cannot break.

        Args:
            good: the stats of the last good runs.
        """
        crawled = {state: pages for state, pages in stats.pages.items() if state not in (QUEUED, LEASED)}
        emptied = policy.emptied(stats, good)
        if not self.is_part:
            return [*policy.faults_of(replace(stats, pages=crawled)), *emptied], []
        rejected = {
            table: items - self.waiting.get(table, 0)
            for table, items in stats.rejected.items()
            if items > self.waiting.get(table, 0)
        }
        seen = replace(stats, pages=crawled, rejected=rejected)
        return policy.faults_of(seen, is_part=True), emptied
