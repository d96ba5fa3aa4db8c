"""Schedules: the spiders that a scheduler knows, their times, and what people have set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from console.queries.last_runs import Verdict, last_runs, verdict_of
from console.queries.late import expression_of, zone_of
from crawler.schedule.spider_schedules import OFF
from models.spider_schedule import SpiderSchedule
from models.text import storable

# A scheduler finds all its spiders within so long. A spider that it found long before the others is gone.
SAME_LOAD = timedelta(minutes=2)


@dataclass(frozen=True, kw_only=True)
class ScheduleLine:
    """A spider and its schedule.

    Attributes:
        expression: the one that holds; "off" or None: the spider has no schedule.
        next_at: when the schedule starts the next run; None: never, or the schedule is paused.
        fault: why the expression cannot be read; None: it can.
        last: its last run that is no trial.
        muted_until: None if the time is over.
        recipients: who may hear its alarms, as people see them; None: its scheduler has not said so yet.
        heard_by: those of them that hear them.
        left: those that a person has chosen, and that the settings name no more.
        is_gone: the scheduler does not find the spider any more.
    """

    spider: str
    declared: str | None
    chosen: str | None
    expression: str | None
    timezone: str
    next_at: datetime | None
    fault: str | None
    last: Verdict | None
    arguments: Sequence[str]
    paused_at: datetime | None
    muted_until: datetime | None
    recipients: Sequence[str] | None
    heard_by: Sequence[str]
    left: Sequence[str]
    changed_by: str | None
    changed_at: datetime | None
    loaded_at: datetime
    is_gone: bool


def list_schedules(
    session: Session, now: datetime, *, containing: str = "", after: str = "", limit: int = 50
) -> list[ScheduleLine]:
    """Return spiders with their schedules, by name.

    Args:
        containing: only names that contain this text.
        after: only names after this one.
    """
    query = select(SpiderSchedule).order_by(SpiderSchedule.spider).limit(limit)
    if containing:
        query = query.where(SpiderSchedule.spider.icontains(storable(containing), autoescape=True))
    if after:
        query = query.where(SpiderSchedule.spider > storable(after))
    return _lines(session, now, session.scalars(query).all())


def find_schedule(session: Session, now: datetime, spider: str) -> ScheduleLine | None:
    """Return a spider with its schedule; None: no scheduler knows it."""
    schedule = session.get(SpiderSchedule, storable(spider))
    return _lines(session, now, [schedule])[0] if schedule is not None else None


def next_time(schedule: SpiderSchedule, now: datetime) -> datetime | None:
    """Return when the expression that holds starts the next run; None: never, or it is paused."""
    expression = expression_of(schedule)
    if expression is None or schedule.paused_at is not None:
        return None
    return expression.after(now.astimezone(zone_of(schedule.timezone))).astimezone(UTC)


def _lines(session: Session, now: datetime, schedules: Sequence[SpiderSchedule]) -> list[ScheduleLine]:
    last = last_runs(session, [one.spider for one in schedules], 1)
    newest = session.scalar(select(func.max(SpiderSchedule.loaded_at)))
    return [
        ScheduleLine(
            spider=one.spider,
            declared=one.declared,
            chosen=one.chosen,
            expression=one.expression,
            timezone=one.timezone or "UTC",
            next_at=next_time(one, now),
            fault=_fault(one),
            last=verdict_of(session, last[one.spider][0], now) if one.spider in last else None,
            arguments=[str(name) for name in one.spider_arguments or ()],
            paused_at=one.paused_at,
            muted_until=one.muted_until if one.muted_until and one.muted_until > now else None,
            recipients=one.recipients,
            heard_by=hearers(one.recipients or [], one.heard_by),
            left=[name for name in one.heard_by or () if name not in (one.recipients or ())],
            changed_by=one.changed_by,
            changed_at=one.changed_at,
            loaded_at=one.loaded_at,
            is_gone=newest is not None and one.loaded_at < newest - SAME_LOAD,
        )
        for one in schedules
    ]


def hearers(recipients: Sequence[str], heard_by: Sequence[str] | None) -> list[str]:
    """Return which recipients hear the alarms of a spider.

    An alarm must not be lost: if no chosen recipient is left, all recipients hear it.

    Args:
        recipients: those that the settings name now.
        heard_by: those that a person has chosen; None: all.
    """
    left = [one for one in recipients if one in (heard_by or ())]
    return left or list(recipients)


def _fault(schedule: SpiderSchedule) -> str | None:
    text = schedule.expression
    if not text or text == OFF or expression_of(schedule) is not None:
        return None
    return "it is not a cron expression"
