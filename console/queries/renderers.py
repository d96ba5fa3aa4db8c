"""Renderers as running crawls know them: the memory of the process that each of them last stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from console.queries import runs as run_queries
from console.queries.runs import RunLine, progress_of
from console.queries.samples import last_samples


@dataclass(frozen=True, kw_only=True)
class CrawlMemory:
    """A running crawl: the bytes of its process in its last sample, and its speed; None: not known."""

    run: RunLine
    memory: int | None
    at: datetime | None
    pages_per_second: float | None


def crawls(session: Session, now: datetime) -> list[CrawlMemory]:
    """Return the runs that a process works on, the newest first."""
    live = [run for run in run_queries.running(session, now) if run.is_running]
    samples = last_samples(session, [run.id for run in live])
    found = []
    for run in live:
        of_run = samples.get(run.id, [])
        progress = progress_of(of_run)
        found.append(
            CrawlMemory(
                run=run,
                memory=of_run[-1].memory if of_run else None,
                at=of_run[-1].at if of_run else None,
                pages_per_second=progress.pages_per_second if progress is not None else None,
            )
        )
    return found
