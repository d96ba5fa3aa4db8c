"""The schedules that the spiders declare, and SCHEDULE, which overrides them."""

from __future__ import annotations

from collections.abc import Mapping

from crawler.schedule.expression import CronExpression

OFF = "off"


class WrongSchedule(Exception):
    """A schedule is wrong; the message says which one and why, in one line."""


def schedules_of(declared: Mapping[str, object], overriding: str = "") -> dict[str, CronExpression]:
    """Return the schedules by spider.

    Args:
        declared: the ``schedule`` of each spider, or None.
        overriding: the setting SCHEDULE: one expression for all spiders that declare one, or
            ``NAME: EXPRESSION; NAME: off``, or both.

    Raises:
        WrongSchedule: an expression is wrong, or SCHEDULE names an unknown spider.
    """
    schedules = {name: schedule for name, schedule in declared.items() if schedule}
    sources = {name: f"the schedule of the spider {name}" for name in schedules}
    for entry in filter(None, (part.strip() for part in overriding.split(";"))):
        name, colon, expression = (part.strip() for part in entry.rpartition(":"))
        if colon and name not in declared:
            known = ", ".join(sorted(declared))
            raise WrongSchedule(f"SCHEDULE: there is no spider {name!r}; there are {known}")
        for one in [name] if colon else list(schedules):
            schedules[one], sources[one] = expression, "SCHEDULE"
    return {
        name: _read(schedule, sources[name])
        for name, schedule in sorted(schedules.items())
        if schedule != OFF
    }


def _read(schedule: object, source: str) -> CronExpression:
    try:
        if not isinstance(schedule, str):
            raise ValueError("write a text such as '15 3 * * *'")
        return CronExpression(schedule)
    except ValueError as error:
        raise WrongSchedule(f"{source}, {schedule!r}, cannot be read: {error}") from None
