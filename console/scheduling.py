"""Changes of schedules and alarms by people: their checks, and the columns of ``spider_schedule`` that people write."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

from console.database import writing
from console.security.actions import note_action
from console.security.identity import person
from crawler.schedule.expression import CronExpression
from crawler.schedule.spider_schedules import OFF
from models.run import database_now
from models.spider_schedule import SpiderSchedule
from models.text import storable

LONGEST = 100  # characters of an expression
LONGEST_MUTE = timedelta(days=31)


class NoSuchSpider(Exception):
    """No scheduler knows the spider."""

    def __init__(self, spider: str) -> None:
        super().__init__(f"no scheduler knows the spider {spider[:100]!r}")


class WrongValue(Exception):
    """A value cannot be stored; the message says what to write."""


def checked_expression(text: str) -> str | None:
    """Return the expression to be stored for what a person wrote; None for an empty text: the declared one holds.

    Raises:
        WrongValue: it is neither a cron expression nor "off".
    """
    text = text.strip()
    if not text:
        return None
    if text.lower() == OFF:
        return OFF
    try:
        expression = str(CronExpression(text))
    except ValueError as error:
        raise WrongValue(
            f"the schedule cannot be read: {error}. Write it like 15 3 * * *, or off, or nothing for the "
            "schedule that the spider declares"
        ) from None
    if len(expression) > LONGEST:
        raise WrongValue(f"the schedule is longer than {LONGEST} characters")
    return expression


def checked_hours(hours: float) -> timedelta:
    """Return for how long alarms are muted; no time: they are not.

    Raises:
        WrongValue: it is no number of hours from 0 to LONGEST_MUTE.
    """
    most = LONGEST_MUTE.total_seconds() / 3600
    if not math.isfinite(hours) or not 0 <= hours <= most:
        raise WrongValue(f"write a number of hours from 0 to {most:.0f}")
    return timedelta(hours=hours)


def checked_recipients(chosen: Sequence[str] | None, recipients: Sequence[str]) -> list[str] | None:
    """Return the recipients to be stored for those that a person has chosen; None: all hear the alarms, new ones too.

    Raises:
        WrongValue: none is chosen, or one that the scheduler does not know.
    """
    if chosen is None:
        return None
    if not chosen:
        raise WrongValue("choose who hears the alarms; to stop them for a time, mute them")
    unknown = [one for one in chosen if one not in recipients]
    if unknown:
        raise WrongValue(f"ALERT_URLS of the scheduler has no recipient {unknown[0][:100]!r}")
    return None if set(chosen) == set(recipients) else [one for one in recipients if one in chosen]


def change_schedule(
    spider: str,
    *,
    chosen: str | Literal[False] | None = False,
    paused: bool | None = None,
    muted_hours: float | None = None,
    heard_by: Sequence[str] | Literal[False] | None = False,
) -> None:
    """Change what people set of a schedule, in one transaction; what is not given stays as it is.

    Args:
        chosen: the schedule that holds in place of the declared one: five fields of cron, or "off"; empty or None: the
            declared one holds again.
        paused: the schedule starts no runs.
        muted_hours: from now on alarms are muted for so long; 0: they are not muted.
        heard_by: the recipients that hear the alarms; None: all of them.

    Raises:
        NoSuchSpider, WrongValue: see above. Nothing is changed.
    """
    expression = checked_expression(chosen or "") if chosen is not False else None
    muted = checked_hours(muted_hours) if muted_hours is not None else None
    with writing() as session:
        # Only the changed columns are written: the scheduler writes the others at the same time.
        schedule = session.get(SpiderSchedule, storable(spider))
        if schedule is None:
            raise NoSuchSpider(spider)
        now = database_now(session)
        if chosen is not False:
            old, schedule.chosen = schedule.expression or "none", expression
            note_action(session, "edit schedule", f"{spider}: {old} to {schedule.expression or 'none'}")
        if paused is not None:
            schedule.paused_at = (schedule.paused_at or now) if paused else None
            note_action(session, "pause schedule" if paused else "resume schedule", spider)
        if chosen is not False or paused is not None:
            # This is also the time since when the schedule can be late, so muting alarms leaves it as it is.
            schedule.changed_by, schedule.changed_at = person().actor, now
        if muted is not None:
            schedule.muted_until = now + muted if muted else None
            until = f": until {schedule.muted_until:%Y-%m-%d %H:%M} UTC" if schedule.muted_until else ""
            note_action(session, "mute alarms" if muted else "unmute alarms", f"{spider}{until}")
        if heard_by is not False:
            schedule.heard_by = checked_recipients(heard_by, schedule.recipients or [])
            names = ", ".join(schedule.heard_by) if schedule.heard_by else "all"
            note_action(session, "choose recipients", f"{spider}: {names}")
