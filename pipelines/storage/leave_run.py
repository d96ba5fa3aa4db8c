"""The end of a worker: it leaves a shared run to the others, or to the next worker that joins it."""

from __future__ import annotations

import socket
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from crawler.run.verdict import GOOD, INTERRUPTED, Ending, Verdict
from models import CrawlRun
from models.crawl_order import DONE, LONGEST_RESULT, end
from models.run import ClaimedRun, database_now
from models.shared_run import leave_run, note_end

SHUTDOWN = "shutdown"  # Scrapy's finish reason after a signal


def leave(session: Session, run: ClaimedRun, ending: Ending) -> Verdict:
    """Give up the worker's partitions and return its verdict.

    If the run is over, the verdict is the run's, which another worker has written. A worker that a signal ended, and
    that leaves the run to others, has done what it was asked. No worker that leaves the run to others raises an alarm:
    they will judge it. The last worker writes its own verdict into the run.
    """
    own = ending.verdict or Verdict(code=INTERRUPTED, reasons=(ending.message or ending.reason,))
    # First: two workers that hold something of the run and then wait for its row wait for each other.
    row = session.get_one(CrawlRun, run.id, with_for_update={"key_share": True})
    is_over = row.finished_at is not None and row.verdict is not None
    left = leave_run(session, run)
    note_end(session, run, "the run was over" if is_over else "; ".join(own.reasons))
    seconds = (row.seconds or 0.0) + ending.seconds
    memory = max(row.peak_memory or 0, ending.peak_memory)
    used: dict[str, Any] = {"seconds": seconds, "peak_memory": memory}
    if is_over:
        assert row.verdict is not None
        verdict = Verdict(
            code=row.verdict, reasons=tuple(row.reasons or ()), note=row.note, is_of_others=True
        )
    elif left:
        others = "another worker" if left == 1 else f"{left} other workers"
        if ending.reason == SHUTDOWN and ending.message is None:
            own = Verdict(code=GOOD, reasons=(f"it was left to {others}, as a signal asked",))
        verdict = Verdict(code=own.code, reasons=own.reasons, is_of_others=True)
    else:
        verdict = own
        used |= {
            "finish_reason": ending.reason,
            "verdict": own.code,
            "reasons": list(own.reasons),
            "host": socket.gethostname(),
        }
    session.execute(update(CrawlRun).where(CrawlRun.id == run.id).values(**used))
    end_order(session, run, verdict)
    return verdict


def end_order(session: Session, run: ClaimedRun, verdict: Verdict) -> None:
    """End the order that started this process, if one did, with the verdict in words."""
    if run.order is None:
        return
    reasons = f"; {'; '.join(verdict.reasons)}" if verdict.reasons else ""
    message = f"run {run.id}: {verdict.word} (exit code {verdict.code}){reasons}"
    end(session, run.order, DONE, message[:LONGEST_RESULT], database_now(session))


def leave_ended(session: Session, run: ClaimedRun) -> None:
    """Leave a run that this worker has ended."""
    leave_run(session, run)
    note_end(session, run, "it ended the run")
