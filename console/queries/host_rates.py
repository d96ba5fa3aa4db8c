"""The hosts of a run that crawls: the pages a second of each, and until when it asked to wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.host import CrawlHost
from models.host_rate import FRESH, HostRate

MOST = 200  # hosts

_rates: Any = HostRate.__table__


@dataclass(frozen=True, kw_only=True)
class RunHost:
    """A host of a run; None: no page of it was settled in the last seconds; it did not ask to wait."""

    host: str
    pages_per_second: float | None
    waits_until: datetime | None


def rates(session: Session, run_id: int, now: datetime) -> dict[str, float]:
    """Return the pages a second of the hosts of a run, over all its processes, the fastest first.

    Each process knows only the hosts with the most pages in its last interval.
    """
    speed = func.sum(_rates.c.pages / _rates.c.seconds)
    query = (
        select(_rates.c.host, speed.label("speed"))
        .where(_rates.c.run_id == run_id, _rates.c.at > now - FRESH, _rates.c.seconds > 0)
        .group_by(_rates.c.host)
        .order_by(speed.desc(), _rates.c.host)
        .limit(MOST)
    )
    return {row.host: float(row.speed) for row in session.execute(query)}


def waits(session: Session, run_id: int, now: datetime) -> dict[str, datetime]:
    """Return until when hosts asked a run to wait, by host; the longest waits first."""
    query = (
        select(CrawlHost.host, CrawlHost.not_before)
        .where(CrawlHost.run_id == run_id, CrawlHost.not_before > now)
        .order_by(CrawlHost.not_before.desc(), CrawlHost.host)
        .limit(MOST)
    )
    return {row.host: row.not_before for row in session.execute(query)}


def hosts_of(session: Session, run_id: int, now: datetime) -> Sequence[RunHost]:
    """Return the hosts of a run that are crawled now, the fastest first, and then those that only wait."""
    speeds, waiting = rates(session, run_id, now), waits(session, run_id, now)
    return [
        RunHost(host=host, pages_per_second=speeds.get(host), waits_until=waiting.get(host))
        for host in [*speeds, *(host for host in waiting if host not in speeds)]
    ][:MOST]
