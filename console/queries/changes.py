"""The feed of changes. A page of it looks through a limited part of the history, and says which."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, or_, select, type_coerce
from sqlalchemy.orm import Session

from console.queries.site_values import WrongValue
from console.queries.table_filter import run_query
from models.change import CHANGED, CREATED, GONE, RETURNED, RowChange
from models.chunks import chunks
from models.run import CrawlRun
from models.text import storable
from models.types import LongText

KINDS = (CREATED, CHANGED, GONE, RETURNED)
SCANNED = 50_000  # changes that one page looks through
LARGEST = 65_536  # characters of the fields of a change that a list reads
LONGEST_TEXT = 200  # characters of a text that a filter looks for
LATENESS = timedelta(minutes=30)  # the longest time between the start and the end of a transaction

_id, _fields_text = RowChange.id, type_coerce(RowChange.fields, LongText())


@dataclass(frozen=True, kw_only=True)
class ChangesFilter:
    """Which changes a list has. None: all.

    Attributes:
        since, until: the time of the change; ``until`` is not included.
        text: a text in the key or in the old and new values, in upper or lower case.
    """

    table: str | None = None
    kind: str | None = None
    field: str | None = None
    run_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None

    @property
    def is_all(self) -> bool:
        return self == ChangesFilter()


@dataclass(frozen=True, kw_only=True)
class ChangeLine:
    """A change as lists show it.

    Attributes:
        fields: old and new value by field; None if there are none.
        size: characters of the fields, if they are too long for a list; ``fields`` is None then.
    """

    id: int
    run_id: int
    at: datetime
    table: str
    key: str
    kind: str
    fields: Mapping[str, Sequence[Any]] | None
    size: int | None = None


@dataclass(frozen=True, kw_only=True)
class FoundChanges:
    """A page of the feed.

    Attributes:
        after: the id after which the next page begins; None at the end.
        scanned: how many ids were looked through, if the page ended for that and not because it was full.
    """

    lines: Sequence[ChangeLine]
    after: int | None
    scanned: int | None = None


def check_changes_filter(wanted: ChangesFilter) -> None:
    """Raise WrongValue if no change can be like this."""
    if wanted.kind is not None and wanted.kind not in KINDS:
        raise WrongValue(f"the kind of a change is one of {', '.join(KINDS)}")
    for one in (wanted.table, wanted.field, wanted.text):
        if one is not None and (len(one) > LONGEST_TEXT or "\x00" in one or storable(one) != one):
            raise WrongValue(
                f"a text of the filter is longer than {LONGEST_TEXT} characters, or no database stores it"
            )
    if wanted.run_id is not None and not 0 < wanted.run_id < 2**31:
        raise WrongValue("there is no such run")


def find_changes(
    session: Session, wanted: ChangesFilter, *, before: int | None = None, limit: int = 50
) -> FoundChanges:
    """Return changes, the newest first.

    A filter may fit few changes of a long history, so a page looks through SCANNED ids at most.

    Args:
        before: only changes with a smaller id.

    Raises:
        WrongValue: no change can be like this.
    """
    check_changes_filter(wanted)
    low, high = _ids_of_times(session, wanted)
    if before is not None:
        high = min(high, before - 1)
    if wanted.run_id is not None:
        newest = _newest_of_run(session, wanted.run_id)
        if newest is None:
            return FoundChanges(lines=[], after=None)
        high = min(high, newest)
        low = max(low, _first_id_of_run(session, wanted.run_id))
    floor = max(low, high - SCANNED + 1) if not wanted.is_all else low
    if high < low:
        return FoundChanges(lines=[], after=None)
    query = (
        _selected()
        .where(_id <= high, _id >= floor, *conditions_of(wanted))
        .order_by(_id.desc())
        .limit(limit + 1)
    )
    found = [_line(row) for row in run_query(session, query)]
    lines = [one for one in found[:limit] if _has_field(one, wanted.field)]
    if len(found) > limit:
        return FoundChanges(lines=lines, after=found[limit - 1].id)
    if floor > low and _older(session, floor, low):
        return FoundChanges(lines=lines, after=floor, scanned=high - floor + 1)
    return FoundChanges(lines=lines, after=None)


def conditions_of(wanted: ChangesFilter) -> list[ColumnElement[bool]]:
    """Return the conditions of a filter, which use no index."""
    found: list[ColumnElement[bool]] = []
    if wanted.table is not None:
        found.append(RowChange.table_name == wanted.table)
    if wanted.kind is not None:
        found.append(RowChange.kind == wanted.kind)
    if wanted.run_id is not None:
        found.append(RowChange.run_id == wanted.run_id)
    if wanted.since is not None:
        found.append(RowChange.at >= wanted.since)
    if wanted.until is not None:
        found.append(RowChange.at < wanted.until)
    if wanted.field is not None:
        names = {f"{json.dumps(wanted.field, ensure_ascii=one)}:[" for one in (False, True)}
        found.append(or_(*(_fields_text.contains(name, autoescape=True) for name in sorted(names))))
    if wanted.text is not None:
        texts = {wanted.text, *(json.dumps(wanted.text, ensure_ascii=one)[1:-1] for one in (False, True))}
        found.append(
            or_(
                *(
                    column.icontains(one, autoescape=True)
                    for column in (RowChange.row_key, _fields_text)
                    for one in sorted(texts)
                )
            )
        )
    return found


def _selected(*, whole: bool = False) -> Select[Any]:
    size = func.length(_fields_text)
    fields = _fields_text if whole else case((size <= LARGEST, _fields_text))
    return select(
        _id,
        RowChange.run_id,
        RowChange.at,
        RowChange.table_name,
        RowChange.row_key,
        RowChange.kind,
        fields,
        size,
    )


def _line(row: Any) -> ChangeLine:
    fields = json.loads(row[6]) if row[6] is not None else None
    return ChangeLine(
        id=row[0],
        run_id=row[1],
        at=row[2],
        table=row[3],
        key=row[4],
        kind=row[5],
        fields=fields,
        size=row[7] if fields is None else None,
    )


def _has_field(line: ChangeLine, field: str | None) -> bool:
    """Return whether a change is one of the field; the database has looked for its name in the text only."""
    return field is None or line.fields is None or field in line.fields


def find_change(session: Session, number: int) -> ChangeLine | None:
    """Return one change with all its values, however long they are."""
    if not 0 < number < 2**63:
        return None
    row = session.execute(_selected(whole=True).where(_id == number)).one_or_none()
    return None if row is None else _line(row)


def changes_of_row(
    session: Session,
    table: str,
    hashes: Sequence[bytes],
    keys: Sequence[str],
    *,
    before: int | None = None,
    limit: int = 50,
) -> list[ChangeLine]:
    """Return the changes of a row in all runs, the newest first.

    Args:
        hashes, keys: of the spellings of its natural key.
        before: only changes with a smaller id.
    """
    runs = session.scalars(select(CrawlRun.id).order_by(CrawlRun.id.desc())).all()
    found: list[ChangeLine] = []
    for some in chunks(runs):  # for each run one look into the index
        query = _selected().where(
            RowChange.run_id.in_(some),
            RowChange.key_hash == hashes[0] if len(hashes) == 1 else RowChange.key_hash.in_(hashes),
            RowChange.row_key.in_(keys),
            RowChange.table_name == table,
        )
        if before is not None:
            query = query.where(_id < before)
        # Not the id itself: by its index the database would go through the whole history.
        found += [_line(row) for row in session.execute(query.order_by((_id + 0).desc()).limit(limit))]
    return sorted(found, key=lambda line: line.id, reverse=True)[:limit]


# --- The ids of a time and of a run, without an index on them ----------------------------------------------------


def _newest_id(session: Session) -> int:
    return session.scalar(select(func.max(_id))) or 0


def _ids_of_times(session: Session, wanted: ChangesFilter) -> tuple[int, int]:
    """Return the smallest and the greatest id that may fit the times of a filter: ids grow with the time."""
    low, high = 1, _newest_id(session)
    if wanted.since is not None:
        low = id_of_time(session, _moved(wanted.since, -LATENESS), high)
    if wanted.until is not None:
        high = min(high, id_of_time(session, _moved(wanted.until, LATENESS), high))
    return low, high


def _moved(at: datetime, by: timedelta) -> datetime:
    try:
        return at + by
    except OverflowError:
        return at


def id_of_time(session: Session, at: datetime, newest: int) -> int:
    """Return the id of the first change from this time on, about; ``newest`` + 1 if there is none."""
    low, high = 1, newest + 1
    while low < high:
        middle = (low + high) // 2
        row = session.execute(
            select(_id, RowChange.at).where(_id >= middle).order_by(_id).limit(1)
        ).one_or_none()
        if row is None or row[1] >= at:
            high = middle
        else:
            low = row[0] + 1
    return low


def _first_id_of_run(session: Session, run_id: int) -> int:
    started = session.scalar(select(CrawlRun.started_at).where(CrawlRun.id == run_id))
    return 1 if started is None else id_of_time(session, started - LATENESS, _newest_id(session))


def _newest_of_run(session: Session, run_id: int) -> int | None:
    # By the index of the run: an order by id would go through the changes of all later runs.
    return session.scalar(select(func.max(_id + 0)).where(RowChange.run_id == run_id))


def _older(session: Session, number: int, low: int) -> bool:
    return session.scalar(select(_id).where(_id < number, _id >= low).limit(1)) is not None
