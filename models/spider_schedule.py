"""The spiders as the scheduler knows them: declared schedules, and what people have set over them in the console."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base
from models.types import ExactString, FreeJson, FreeString, UtcDateTime


class SpiderSchedule(Base):
    """A spider, its schedule and its alarms.

    The scheduler writes ``declared`` (of the spider, or of the setting SCHEDULE), ``timezone``, ``next_at``,
    ``loaded_at``, ``spider_arguments`` and ``recipients``. People write the other columns in the console; the
    scheduler reads them within seconds. ``chosen`` is the schedule in place of ``declared``; NULL: the declared one
    holds.
    """

    __tablename__ = "spider_schedule"

    spider: Mapped[str] = mapped_column(ExactString(100), primary_key=True)
    declared: Mapped[str | None] = mapped_column(FreeString(100))
    timezone: Mapped[str | None] = mapped_column(FreeString(64))
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    loaded_at: Mapped[datetime] = mapped_column(UtcDateTime)  # when the scheduler last found the spider
    spider_arguments: Mapped[list[str] | None] = mapped_column(FreeJson())  # names of arguments that it takes
    # The addresses of ALERT_URLS as people see them (crawler/run/recipients.py).
    recipients: Mapped[list[str] | None] = mapped_column(FreeJson())
    chosen: Mapped[str | None] = mapped_column(FreeString(100))
    paused_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # no starts by the schedule since then
    muted_until: Mapped[datetime | None] = mapped_column(UtcDateTime)  # no alarms before
    heard_by: Mapped[list[str] | None] = mapped_column(FreeJson())  # those of ``recipients``; NULL: all
    changed_by: Mapped[str | None] = mapped_column(FreeString(255))
    changed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def expression(self) -> str | None:
        """Return the schedule that holds."""
        return self.chosen or self.declared


@dataclass(frozen=True, kw_only=True)
class AlarmChoice:
    """What a person has set for the alarms of a spider; the fields are those of SpiderSchedule."""

    muted_until: datetime | None = None
    heard_by: Sequence[str] | None = None


class SchedulerProcess(Base):
    """A running scheduler (``scrapy schedule --run``). Without one, nothing starts the orders of people."""

    __tablename__ = "scheduler_process"

    process: Mapped[str] = mapped_column(ExactString(200), primary_key=True)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    heartbeat_at: Mapped[datetime] = mapped_column(UtcDateTime)
