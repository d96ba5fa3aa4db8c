"""The times of a schedule, in the five fields of cron."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cronsim import CronSim, CronSimError

WEEKDAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
SOME_DAY = datetime(2026, 1, 1)


@dataclass(frozen=True)
class CronExpression:
    """``15 3 * * *``: minute, hour, day of the month, month, day of the week, as Debian's cron reads them.

    Raises:
        ValueError: cron refuses the expression, or no time matches it; the message says why.
    """

    text: str

    def __post_init__(self) -> None:
        if len(self.text.split()) != 5 or not self.text.isprintable():
            raise ValueError("it takes five fields: minute, hour, day of the month, month, day of the week")
        try:
            fields = CronSim(self.text, SOME_DAY)
            next(fields)
        except CronSimError as error:
            raise ValueError(str(error).lower()) from None
        except StopIteration:
            raise ValueError("there is no such day") from None
        # The library accepts these as well; cron and systemd do not.
        if min(fields.days) < 0 or any(isinstance(day, tuple) for day in fields.weekdays):
            raise ValueError("cron has neither L nor #")

    def __str__(self) -> str:
        return " ".join(self.text.split())

    def after(self, start: datetime) -> datetime:
        """Return the first matching datetime after ``start``, in its time zone."""
        return next(CronSim(self.text, start))

    def before(self, end: datetime) -> datetime:
        """Return the last matching datetime before ``end``, in its time zone."""
        return next(CronSim(self.text, end, reverse=True))

    def on_calendar(self) -> list[str]:
        """Return the OnCalendar expressions of systemd; two if a day of the month or a day of the week may match."""
        fields = CronSim(self.text, SOME_DAY)
        clock = f"{_listed(fields.hours, range(24))}:{_listed(fields.minutes, range(60))}:00"
        months = _listed(fields.months, range(1, 13))
        date = f"*-{months}-{_listed(fields.days, range(1, 32))}"
        days = {day % 7 for day in fields.weekdays if isinstance(day, int)}
        if len(days) == 7:
            return [f"{date} {clock}"]
        weekdays = ",".join(WEEKDAYS[day] for day in sorted(days))
        if fields.day_and:
            return [f"{weekdays} {date} {clock}"]
        return [f"{date} {clock}", f"{weekdays} *-{months}-* {clock}"]


def _listed(numbers: set[int], every: range) -> str:
    return "*" if numbers >= set(every) else ",".join(f"{number:02}" for number in sorted(numbers))
