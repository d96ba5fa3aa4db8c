"""The state of a run in one word, from its row in the database."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from crawler.run.verdict import WORDS
from models import CrawlRun
from models.process_id import Process
from models.run import HEARTBEAT_TIMEOUT, living_workers

ACCEPTED = "accepted"  # the state of a bad run that a person accepted
RUNNING, PAUSED, KILLED = "running", "paused", "killed"  # the first two: a process crawls


def is_worked_on(session: Session, run: CrawlRun, now: datetime) -> bool:
    """Return whether a worker of a shared run is alive, and the run is not over."""
    return (
        run.partitions is not None and run.finished_at is None and bool(living_workers(session, run.id, now))
    )


def state_of(run: CrawlRun, now: datetime, *, working: bool = False) -> str:
    """Return the word for the run's verdict. Without a verdict, the run is running, was ended, or was killed.

    Args:
        working: workers of a shared run are alive.
    """
    running = PAUSED if run.paused_at is not None else RUNNING
    if working:
        return running
    if run.accepted_at is not None:
        return ACCEPTED
    if run.verdict is not None:
        return WORDS[run.verdict] + (" (trial)" if run.trial_pages is not None else "")
    owner = Process.parse(run.owner) if run.owner else None
    if (
        owner is not None
        and run.heartbeat_at is not None
        and owner.may_be_alive(now - run.heartbeat_at, HEARTBEAT_TIMEOUT)
    ):
        return running
    return run.finish_reason if run.finished_at and run.finish_reason else KILLED
