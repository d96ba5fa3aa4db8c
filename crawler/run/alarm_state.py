"""The state of a spider in its last alarm: in the row of the run, and in a file while the database is away."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Engine, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from crawler.atomic_file import write_atomically
from crawler.run.verdict import GOOD
from models.error_text import error_line
from models.redaction import redacted
from models.run import ClaimedRun, CrawlRun

logger = logging.getLogger("splashdown.alarm")


@dataclass(frozen=True, kw_only=True)
class State:
    """The state in the last alarm: the exit code, since when, in how many runs; ``at``: when, in Unix seconds."""

    code: int
    since: str
    runs: int
    at: float = field(default_factory=time.time)


class AlarmState:
    """The state of a spider with its arguments, while a process decides whether it sends an alarm.

    All machines that crawl the spider read the state in the database, and the row of the run is locked until the block
    ends: of several processes one sends the alarm. The file is of this machine: it has the state of a crawl that has
    no run, or whose database is away. The later of both states counts.

    Args:
        file: the file of the spider with its arguments.
        engine: the database of the run.
        run: the run; None: the crawl has none, so there is only the file.
    """

    def __init__(self, file: Path, engine: Engine | None = None, run: ClaimedRun | None = None) -> None:
        self.file, self.engine, self.run = file, engine, run
        self.before: State | None = None  # None: there was no alarm, or the last one said that all is good
        self._session: Session | None = None

    def __enter__(self) -> Self:
        known = [_read(self.file), self._read_row()]
        latest = max((one for one in known if one is not None), key=lambda one: one.at, default=None)
        self.before = latest if latest is not None and latest.code != GOOD else None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def note(self, state: State) -> None:
        """Store the state; in the file if the database cannot be written."""
        if self._write_row(state) or (self.run is None and state.code == GOOD):
            self.file.unlink(missing_ok=True)
        else:
            _write(self.file, state)

    def _read_row(self) -> State | None:
        """Lock the row of the run, and return the last state that a run of the scope has."""
        if self.engine is None or self.run is None:
            return None
        session = Session(self.engine)
        lock = select(CrawlRun.id).where(CrawlRun.id == self.run.id).with_for_update(key_share=True)
        last = (
            select(CrawlRun.alarm)
            .where(CrawlRun.scope == self.run.scope, CrawlRun.alarm.is_not(None))
            .order_by(CrawlRun.id.desc())
            .limit(1)
        )
        try:
            session.execute(lock).one_or_none()
            found = session.scalar(last)
        except SQLAlchemyError as error:
            session.close()
            logger.warning(
                "the state of the last alarm is read from %s, because the database cannot be read: %s",
                self.file,
                redacted(error_line(error, with_type=True)),
            )
            return None
        self._session = session
        return None if found is None else _state(found)

    def _write_row(self, state: State) -> bool:
        """Return whether the row of the run has the state now."""
        if self._session is None or self.run is None:
            return False
        try:
            self._session.execute(
                update(CrawlRun).where(CrawlRun.id == self.run.id).values(alarm=asdict(state))
            )
            self._session.commit()
        except SQLAlchemyError as error:
            logger.warning(
                "the state of the alarm is written into %s, because the database cannot be written: %s",
                self.file,
                redacted(error_line(error, with_type=True)),
            )
            return False
        return True


def _state(value: Mapping[str, Any]) -> State:
    """Return the state that a dict has. A state from before there was ``at`` is older than every other one."""
    return State(**{"at": 0.0, **value})


def _read(file: Path) -> State | None:
    try:
        return _state(json.loads(file.read_text("utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        logger.warning(
            "cannot read %s, so the alarm treats the spider as one without a state: %s", file, error
        )
        return None


def _write(file: Path, state: State) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, json.dumps(asdict(state)).encode())
    except OSError as error:
        logger.warning("cannot write %s, so the next run sends the same alarm again: %s", file, error)
