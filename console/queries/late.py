"""Late spiders: their schedule said that a run begins, and none did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crawler.schedule.expression import CronExpression
from crawler.schedule.spider_schedules import OFF
from models import CrawlRun
from models.spider_schedule import SpiderSchedule

GRACE = timedelta(minutes=5)  # a scheduler starts a run at once, and a busy machine needs some time for it


@dataclass(frozen=True, kw_only=True)
class LateSpider:
    """A spider that should have begun a run at ``due_at``; ``last_began_at`` is None if it has never run."""

    spider: str
    expression: str
    due_at: datetime
    last_began_at: datetime | None
    muted_until: datetime | None


def zone_of(name: str | None) -> tzinfo:
    """Return the time zone of a schedule; UTC if its name is not known here."""
    try:
        return ZoneInfo(name) if name else UTC
    except (KeyError, ValueError, OSError):
        return UTC


def expression_of(schedule: SpiderSchedule) -> CronExpression | None:
    """Return the expression that holds for a spider; None if there is none, it is off, or it is wrong."""
    if not schedule.expression or schedule.expression == OFF:
        return None
    try:
        return CronExpression(schedule.expression)
    except ValueError:
        return None


def due_before(schedule: SpiderSchedule, moment: datetime) -> datetime | None:
    """Return the last time before a moment at which a run should have begun; None: there is none.

    A time from before the last change by a person does not count: a schedule that was paused, or another one.
    """
    expression = expression_of(schedule)
    if expression is None or schedule.paused_at is not None:
        return None
    due = expression.before(moment.astimezone(zone_of(schedule.timezone))).astimezone(UTC)
    return None if schedule.changed_at is not None and due < schedule.changed_at else due


def is_late(schedule: SpiderSchedule, now: datetime, last_began_at: datetime | None) -> datetime | None:
    """Return since when a spider without a running crawl is late; None: it is not.

    Of a spider that has never run nobody knows how long it has had its schedule, so the time that the scheduler said
    counts.
    """
    due = due_before(schedule, now - GRACE)
    if due is None:
        return None
    if last_began_at is not None:
        return due if last_began_at < due else None
    next_at = schedule.next_at
    return next_at if next_at is not None and next_at < now - GRACE else None


def late_spiders(session: Session, now: datetime, running: Sequence[str] = ()) -> list[LateSpider]:
    """Return the spiders that are late, the newest first.

    Args:
        running: the spiders that a process crawls now. They are not late: a run may take longer than the time between
            two starts.
    """
    # A resumed run has begun when its last process claimed it.
    began = session.execute(
        select(CrawlRun.spider, func.max(CrawlRun.started_at), func.max(CrawlRun.held_since))
        .where(CrawlRun.trial_pages.is_(None))
        .group_by(CrawlRun.spider)
    )
    last = {spider: max(filter(None, times), default=None) for spider, *times in began}
    late = []
    for schedule in session.scalars(select(SpiderSchedule)):
        if schedule.spider in running:
            continue
        if (due := is_late(schedule, now, last.get(schedule.spider))) is not None:
            late.append(
                LateSpider(
                    spider=schedule.spider,
                    expression=schedule.expression or "",
                    due_at=due,
                    last_began_at=last.get(schedule.spider),
                    muted_until=schedule.muted_until
                    if schedule.muted_until and schedule.muted_until > now
                    else None,
                )
            )
    return sorted(late, key=lambda one: (one.due_at, one.spider), reverse=True)
