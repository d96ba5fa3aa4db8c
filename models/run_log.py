"""The last log lines of a run, which the console shows while it crawls and afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Integer, delete, func, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.base import Base
from models.types import FreeString, FreeText, UtcDateTime

MOST_LINES = 300  # of a run


class RunLogLine(Base):
    """A log line of a run, with its secrets redacted."""

    __tablename__ = "run_log_line"

    run_id: Mapped[int] = mapped_column(ForeignKey("crawl_run.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False
    )
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    level: Mapped[str] = mapped_column(FreeString(10))
    logger: Mapped[str] = mapped_column(FreeString(100))
    message: Mapped[str] = mapped_column(FreeText())


@dataclass(frozen=True, kw_only=True, slots=True)
class LogLine:
    """A log line that is not stored yet."""

    at: datetime
    level: str
    logger: str
    message: str


_table: Any = RunLogLine.__table__


def store_log_lines(
    session: Session, run_id: int, lines: Sequence[LogLine], *, keep: int = MOST_LINES
) -> None:
    """Append log lines to those of a run, whose row this transaction has locked. Delete the oldest beyond ``keep``."""
    if not lines:
        return
    last = session.scalar(select(func.max(_table.c.number)).where(_table.c.run_id == run_id))
    first = 0 if last is None else last + 1
    session.execute(
        insert(_table),
        [
            {"run_id": run_id, "number": number, "at": line.at, "level": line.level, "logger": line.logger}
            | {"message": line.message}
            for number, line in enumerate(lines, first)
        ],
    )
    oldest = first + len(lines) - keep
    session.execute(delete(_table).where(_table.c.run_id == run_id, _table.c.number < oldest))
