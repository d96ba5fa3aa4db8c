"""Schedules as lines of a crontab and as units of systemd."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from crawler.schedule.expression import CronExpression
from crawler.schedule.spider_schedules import WrongSchedule

SERVICE = """\
# One service for all spiders; a timer starts it with the spider's name.
[Unit]
Description=Crawl %i
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
User={user}
WorkingDirectory={root}
ExecStart={python} -m scrapy crawl %i
# Only the crawl gets SIGTERM. It ends its renderer after its pages in flight (SHUTDOWN_TIMEOUT).
KillMode=mixed
TimeoutStopSec=45
"""

TIMER = """\
[Unit]
Description=Crawl {spider} ({expression})

[Timer]
{calendar}
# A crawl that was missed while the machine was off begins when it is on again.
Persistent=true

[Install]
WantedBy=timers.target
"""


def crontab_lines(schedules: Mapping[str, CronExpression], root: Path) -> list[str]:
    """Return a crontab line for each spider; ``root`` is the folder of the project."""
    return [
        f"{expression} {for_cron(root / 'scripts' / 'crawl')} {for_cron(name)}"
        for name, expression in schedules.items()
    ]


def for_cron(word: str | Path) -> str:
    """Return a word of a command in a crontab, quoted where it must be."""
    return shlex.quote(str(word)).replace("%", r"\%")  # a bare % ends the command


def systemd_units(
    schedules: Mapping[str, CronExpression], *, root: Path, python: Path, user: str
) -> dict[str, str]:
    """Return the units by file name: a timer for each spider, and the service that the timers start.

    Raises:
        WrongSchedule: a unit cannot have the name of a spider.
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
                f"a systemd unit cannot have the name of the spider {name!r}: use letters, digits, _ . : -"
            )
        calendar = "\n".join(f"OnCalendar={line}" for line in expression.on_calendar())
        units[f"splashdown@{name}.timer"] = TIMER.format(
            spider=name, expression=expression, calendar=calendar
        )
    return units


def _for_systemd(text: str | Path) -> str:
    return str(text).replace("%", "%%")
