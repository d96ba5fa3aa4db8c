"""The spiders as the scheduler knows them: declared schedules, and what people have set over them in the console."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base
from models.types import ExactString, FreeJson, FreeString, UtcDateTime


class SpiderSchedule(Base):
    """A spider, its schedule and its alarms.

    The scheduler writes ``declared`` (of the spider, or of the setting SCHEDULE), ``timezone``, ``next_at``,
    ``loaded_at`` and ``spider_arguments``. People write the other columns in the console; the scheduler reads them
    within seconds. ``chosen`` is the schedule in place of ``declared``; NULL: the declared one holds.
    """

    __tablename__ = "spider_schedule"

    spider: Mapped[str] = mapped_column(ExactString(100), primary_key=True)
    declared: Mapped[str | None] = mapped_column(FreeString(100))
    timezone: Mapped[str | None] = mapped_column(FreeString(64))
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    loaded_at: Mapped[datetime] = mapped_column(UtcDateTime)  # when the scheduler last found the spider
    spider_arguments: Mapped[list[str] | None] = mapped_column(FreeJson())  # names of arguments that it takes
    chosen: Mapped[str | None] = mapped_column(FreeString(100))
    paused_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # no starts by the schedule since then
    muted_until: Mapped[datetime | None] = mapped_column(UtcDateTime)  # no alarms before
    changed_by: Mapped[str | None] = mapped_column(FreeString(255))
    changed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def expression(self) -> str | None:
        """Return the schedule that holds."""
        return self.chosen or self.declared


class SchedulerProcess(Base):
    """A running scheduler (``scrapy schedule --run``). Without one, nothing starts the orders of people."""

    __tablename__ = "scheduler_process"

    process: Mapped[str] = mapped_column(ExactString(200), primary_key=True)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    heartbeat_at: Mapped[datetime] = mapped_column(UtcDateTime)
