"""Runs, schedules and requests for tests of the console."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from models import CrawlRun, HostRate
from models.request import CrawlRequest
from models.run import scope_of
from models.run_sample import RunSample
from models.spider_schedule import SchedulerProcess, SpiderSchedule

# A process of another host: whether it is alive depends on its heartbeat only.
OWNER = "crawler.example 123 1.0 abc"


def add_run(
    session: Session,
    spider: str,
    now: datetime,
    *,
    ago: float = 1.0,
    verdict: int | None = 0,
    rows: int = 10,
    rejected: int = 0,
    arguments: dict[str, Any] | None = None,
    **values: Any,
) -> CrawlRun:
    """Insert a finished run that began ``ago`` hours ago, or with ``verdict=None`` one that a process crawls now."""
    began = now - timedelta(hours=ago)
    scope = scope_of(spider, arguments or {})
    ending = (
        {"finished_at": began + timedelta(minutes=5), "verdict": verdict, "seconds": 300.0}
        if verdict is not None
        else {"unfinished": scope, "owner": OWNER, "heartbeat_at": now + timedelta(hours=1)}
    )
    counts = {"pages": {"done": rows}, "rows": {"book": rows}, "rejected": {"book": rejected}}
    counts["changes"] = {"book/changed": rows // 2, "book/unchanged": rows}
    run = CrawlRun(
        **{
            "spider": spider,
            "arguments": arguments or {},
            "scope": scope,
            "started_at": began,
            "reasons": [],
            "counts": counts,
            **ending,
            **values,
        }
    )
    session.add(run)
    session.flush()
    return run


def add_samples(session: Session, run_id: int, now: datetime, number: int = 5) -> None:
    """Insert samples of a run, 10 seconds apart: 20 pages in each of these times, and 100 queued."""
    for one in range(number):
        at = now - timedelta(seconds=10 * (number - one))
        session.add(
            RunSample(
                run_id=run_id,
                number=one,
                at=at,
                queued=100,
                done=20 * one,
                failed=0,
                rows=0,
                memory=5 * 2**20,
                rendered=15 * one,
                plain=5 * one,
            )
        )


def add_rate(session: Session, run_id: int, now: datetime, host: str, pages: int, **values: Any) -> None:
    """Insert the pages of a host in the last 5 seconds."""
    session.add(
        HostRate(
            **{"run_id": run_id, "worker": 0, "at": now, "seconds": 5.0} | values, host=host, pages=pages
        )
    )


def add_schedule(session: Session, spider: str, now: datetime, **values: Any) -> SpiderSchedule:
    """Insert a spider that starts each hour."""
    schedule = SpiderSchedule(
        **{"spider": spider, "declared": "0 * * * *", "timezone": "UTC", "loaded_at": now, **values}
    )
    session.add(schedule)
    return schedule


def add_scheduler(session: Session, now: datetime) -> None:
    """Insert a scheduler that is alive."""
    session.add(SchedulerProcess(process=OWNER, started_at=now, heartbeat_at=now))


def add_requests(
    session: Session,
    run_id: int,
    state: str,
    number: int,
    *,
    first: int = 0,
    host: str = "a.example",
    **values: Any,
) -> None:
    """Insert requests of a run with one state."""
    session.add_all(
        CrawlRequest(
            **{
                "run_id": run_id,
                "number": one,
                "identity": one.to_bytes(20, "big"),
                "url": f"https://{host}/{one}?token=hunter2secret",
                "request": '{"body": "hunter3secret"}',
                "priority": 0,
                "position": one,
                "depth": 1,
                "state": state,
                **values,
            }
        )
        for one in range(first, first + number)
    )
