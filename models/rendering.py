"""The table of what was learned about rendering: which pages plain HTTP may answer. All runs and machines share it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.base import Base
from models.chunks import chunks
from models.dialect_modules import mysql, postgresql, sqlite
from models.page_shape import Shape
from models.rendering_lesson import CONFIRMED, Learned, Lesson, Pattern
from models.request import DONE, QUEUED, CrawlRequest
from models.run_condition import in_run
from models.types import Digest, ExactString, FreeText, LongJson, UtcDateTime

LONGEST_NAME = 255  # characters of a spider, a host or a callback


class CrawlRendering(Base):
    """A pattern of URLs with everything that its lessons say.

    ``key`` is a hash of ``spider``, ``host``, ``callback``, ``pattern`` and ``version``. ``equal_in_row`` counts the
    equal pages since the last unequal one, and ``shape`` has their fields. ``times_back`` counts how often an unequal
    page led to rendering. ``reason`` says why the mode is this one.
    """

    __tablename__ = "crawl_rendering"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[bytes] = mapped_column(Digest(20), unique=True)
    spider: Mapped[str] = mapped_column(ExactString(LONGEST_NAME), index=True)
    host: Mapped[str] = mapped_column(ExactString(LONGEST_NAME))
    callback: Mapped[str] = mapped_column(ExactString(LONGEST_NAME))
    pattern: Mapped[str] = mapped_column(FreeText())
    version: Mapped[bytes] = mapped_column(Digest(20))
    mode: Mapped[str] = mapped_column(ExactString(8))
    equal_in_row: Mapped[int]
    times_equal: Mapped[int]
    times_unequal: Mapped[int]
    times_back: Mapped[int]
    reason: Mapped[str] = mapped_column(FreeText())
    shape: Mapped[Any] = mapped_column(LongJson())
    checked_at: Mapped[datetime] = mapped_column(UtcDateTime)


_table: Any = CrawlRendering.__table__
_requests: Any = CrawlRequest.__table__
_STATE = ("mode", "equal_in_row", "times_equal", "times_unequal", "times_back", "reason")


def read_learned(session: Session, spider: str, version: bytes) -> dict[bytes, Learned]:
    """Return what is learned about the pages that this version of the spider reads, by the pattern's key."""
    query = select(_table.c.key, _table.c.shape, *(_table.c[name] for name in _STATE)).where(
        _table.c.spider == spider, _table.c.version == version
    )
    return {bytes(row.key): _learned(row) for row in session.execute(query)}


def count_patterns(session: Session, spider: str, version: bytes) -> dict[tuple[str, str], int]:
    """Return how many patterns this version of the spider has, by host and callback."""
    query = (
        select(_table.c.host, _table.c.callback, func.count())
        .where(_table.c.spider == spider, _table.c.version == version)
        .group_by(_table.c.host, _table.c.callback)
    )
    return {(host, callback): number for host, callback, number in session.execute(query)}


def write_lessons(session: Session, run_id: int, lessons: Sequence[Lesson], now: datetime) -> int:
    """Add lessons to the table, and return how many requests they queued again.

    The rows are locked in the order of their keys, so that writers on several machines wait for each other. The pages
    that an unequal lesson makes suspect are queued again.
    """
    patterns = {lesson.pattern.key: lesson.pattern for lesson in lessons}
    keys = sorted(patterns)
    known = set()
    for some in chunks(keys):
        known |= {bytes(key) for key in session.scalars(select(_table.c.key).where(_table.c.key.in_(some)))}
    for key in keys:
        if key not in known:
            _insert_if_missing(session, key, patterns[key], now)
    for key in keys:
        row = session.execute(
            select(_table.c.shape, *(_table.c[name] for name in _STATE))
            .where(_table.c.key == key)
            .with_for_update()
        ).one()
        learned = _learned(row)
        for lesson in lessons:
            if lesson.pattern.key == key:
                learned = learned.after(lesson)
        session.execute(
            update(_table)
            .where(_table.c.key == key)
            .values(
                shape=learned.shape.as_json(),
                checked_at=now,
                **{name: getattr(learned, name) for name in _STATE},
            )
        )
    return sum(_mark_requests(session, run_id, lesson) for lesson in lessons)


def forget(session: Session, ids: Iterable[int]) -> int:
    """Delete the patterns with these ids, and return how many they were."""
    deleted = 0
    for some in chunks(sorted(ids)):
        found: Any = session.execute(delete(_table).where(_table.c.id.in_(some)))
        deleted += found.rowcount
    return deleted


def _learned(row: Any) -> Learned:
    return Learned(shape=Shape.from_json(row.shape or {}), **{name: getattr(row, name) for name in _STATE})


def _insert_if_missing(session: Session, key: bytes, pattern: Pattern, now: datetime) -> None:
    """Insert a pattern without lessons; do nothing if another process has inserted it."""
    new = Learned()
    values = {
        "key": key,
        "spider": pattern.spider,
        "host": pattern.host,
        "callback": pattern.callback,
        "pattern": pattern.url,
        "version": pattern.version,
        "shape": new.shape.as_json(),
        "checked_at": now,
        **{name: getattr(new, name) for name in _STATE},
    }
    dialect = session.get_bind().dialect.name
    if dialect in ("mysql", "mariadb"):
        session.execute(mysql().insert(_table).values(values).on_duplicate_key_update(key=key))
        return
    insert = postgresql().insert(_table) if dialect == "postgresql" else sqlite().insert(_table)
    session.execute(insert.values(values).on_conflict_do_nothing(index_elements=["key"]))


def _mark_requests(session: Session, run_id: int, lesson: Lesson) -> int:
    """Queue the suspects of an unequal lesson again; mark the pages that an equal one confirms."""
    queued = 0
    for some in chunks(sorted(lesson.suspects)):
        found: Any = session.execute(
            update(_requests)
            .where(
                in_run(_requests.c.run_id, run_id), _requests.c.number.in_(some), _requests.c.state == DONE
            )
            .values(state=QUEUED, settled_at=None, rendering=None, rendering_key=None)
        )
        queued += found.rowcount
    for some in chunks(sorted(lesson.confirmed)):
        session.execute(
            update(_requests)
            .where(in_run(_requests.c.run_id, run_id), _requests.c.number.in_(some))
            .values(rendering=CONFIRMED)
        )
    return queued
