"""A schedule as it is given to cron or to systemd."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from crawler.schedule.declared import WrongSchedule
from crawler.schedule.expression import CronExpression

SERVICE = """\
# One for all spiders; a timer starts it with the spider's name.
[Unit]
Description=Crawl %i
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
User={user}
WorkingDirectory={root}
ExecStart={python} -m scrapy crawl %i
# The crawl alone is told to stop, and lets go of its renderer when its pages in flight are done (SHUTDOWN_TIMEOUT).
KillMode=mixed
TimeoutStopSec=45
"""

TIMER = """\
[Unit]
Description=Crawl {spider} ({expression})

[Timer]
{calendar}
# What was missed because the machine was off is done when it is on again.
Persistent=true

[Install]
WantedBy=timers.target
"""


def crontab_lines(schedules: Mapping[str, CronExpression], root: Path) -> list[str]:
    """A line a spider; ``root`` is the project's folder."""
    return [
        f"{expression} {_for_cron(root / 'scripts' / 'crawl')} {_for_cron(name)}"
        for name, expression in schedules.items()
    ]


def _for_cron(word: str | Path) -> str:
    return shlex.quote(str(word)).replace("%", r"\%")  # a bare % ends the command


def systemd_units(
    schedules: Mapping[str, CronExpression], *, root: Path, python: Path, user: str
) -> dict[str, str]:
    """The units by their file names: a timer for each spider, and the service that they start.

    Raises:
        WrongSchedule: a spider's name is none that a unit may have.
    """
    program = str(python).replace("\\", "\\\\").replace('"', '\\"')
    units = {
        "splashdown@.service": SERVICE.format(
            user=user, root=_for_systemd(root), python=_for_systemd(f'"{program}"')
        )
    }
    for name, expression in schedules.items():
        if not re.fullmatch(r"[A-Za-z0-9_.:-]+", name):
            raise WrongSchedule(
                f"systemd takes no unit for the spider {name!r}: use letters, digits, _ . : -"
            )
        calendar = "\n".join(f"OnCalendar={line}" for line in expression.on_calendar())
        units[f"splashdown@{name}.timer"] = TIMER.format(
            spider=name, expression=expression, calendar=calendar
        )
    return units


def _for_systemd(text: str | Path) -> str:
    return str(text).replace("%", "%%")
