"""The stream of an export: its rows are sent while they are read.

A reader notices an export that was cut off: an error ends the connection before the last chunk of the response, and
a cut Parquet file has no footer.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from flask import Response, abort
from sqlalchemy import Connection, Engine, Result, Select
from sqlalchemy.exc import DataError, SQLAlchemyError

from console.database import LONGEST_QUERY, end_reading, query_limit
from console.exports.formats import MEDIA_TYPES, WRITERS, ExportColumn, Writer
from models.types import MYSQL

MOST_EXPORTS = 4  # at once: each has a connection to the database until its end
LONGEST_EXPORT = 3600  # seconds of one statement
FIRST_ROWS = 20  # rows that are read at once; then as many as have CHUNK characters
MOST_ROWS, MOST_LONG_ROWS = 2000, 200  # at most; of tables with values of any length
CHUNK = 1_000_000

_open = threading.BoundedSemaphore(MOST_EXPORTS)


@dataclass(frozen=True, kw_only=True)
class Export:
    """What is exported.

    Attributes:
        name: the name of the file, without its end.
        query: selects the columns in their order.
        rows_of: makes rows of a row of the query; None: it is one.
    """

    name: str
    columns: Sequence[ExportColumn]
    query: Select[Any]
    rows_of: Callable[[Any], Sequence[Sequence[Any]]] | None = None


def export_response(engine: Engine, export: Export, form: str) -> Response:
    """Return the response that sends an export. HTTP 400 for another format, 503 if too many are under way."""
    if form not in MEDIA_TYPES:
        abort(400, f"the format of an export is one of {', '.join(MEDIA_TYPES)}")
    end_reading()  # an export may last long: the connection of the login goes back
    if not _open.acquire(blocking=False):
        abort(503, f"{MOST_EXPORTS} exports are under way: try again when one has ended")
    reader = _Reader(engine, export)
    try:
        chunks = reader.start()
    except DataError:
        reader.close()
        abort(400, "the database refuses a value of this filter")
    except BaseException:
        reader.close()
        raise
    response = Response(_written(WRITERS[form](export.columns), chunks, reader), mimetype=None)
    response.headers["Content-Type"] = MEDIA_TYPES[form]
    response.headers["Content-Disposition"] = f'attachment; filename="{file_name(export.name)}.{form}"'
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    response.call_on_close(reader.close)  # also if the client goes before the first byte
    return response


def file_name(text: str) -> str:
    """Return the text as the name of a file on all systems."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("._")[:100] or "export"


def _parts(result: Result[Any], most: int) -> Iterator[Sequence[Any]]:
    """Yield lists of rows, none of them much longer than CHUNK characters."""
    size = FIRST_ROWS
    while rows := result.fetchmany(size):
        yield rows
        size = next_size(size, sum(map(row_size, rows)) / len(rows), most)


def row_size(row: Sequence[Any]) -> int:
    """Return about how many characters a row has."""
    return sum(len(value) if isinstance(value, str | bytes) else 10 for value in row)


def next_size(size: int, mean: float, most: int) -> int:
    """Return how many rows to read after ``size`` rows with ``mean`` characters."""
    return max(1, min(most, 4 * size, int(CHUNK / max(mean, 1))))


class _Reader:
    """A connection that reads the rows of an export in chunks, with a cursor of the server."""

    def __init__(self, engine: Engine, export: Export) -> None:
        self.engine, self.export = engine, export
        self.connection: Connection | None = None
        self._closed = False

    def start(self) -> Iterator[Sequence[Any]]:
        """Execute the query, and return an iterator of lists of rows. The first list is read before this returns."""
        self.connection = self.engine.connect()
        self._allow(LONGEST_EXPORT)
        result = self.connection.execution_options(stream_results=True).execute(self.export.query)
        most = MOST_LONG_ROWS if any(one.is_long for one in self.export.columns) else MOST_ROWS
        parts = _parts(result, most)
        return self._all(next(parts, []), parts)

    def _all(self, first: Sequence[Any], rest: Iterator[Sequence[Any]]) -> Iterator[Sequence[Any]]:
        split = self.export.rows_of
        part: Sequence[Any] | None = first
        while part:
            yield part if split is None else [one for row in part for one in split(row)]
            part = next(rest, None)

    def _allow(self, seconds: int) -> None:
        """Let a statement of this connection last so long; a page's statements must end much earlier."""
        assert self.connection is not None
        name = self.engine.dialect.name
        statement = query_limit(name, self.connection.connection.dbapi_connection, seconds)
        if statement is not None:
            self.connection.exec_driver_sql(statement)
        if name in MYSQL:
            self.connection.exec_driver_sql("SET SESSION net_write_timeout = 600")  # a slow reader

    def close(self) -> None:
        """Give the connection back, once."""
        if self._closed:
            return
        self._closed = True
        _open.release()
        if self.connection is None:
            return
        try:
            self.connection.rollback()
            self._allow(LONGEST_QUERY)
            self.connection.commit()
        except SQLAlchemyError:
            with suppress(SQLAlchemyError):
                self.connection.invalidate()
        finally:
            self.connection.close()


def _written(writer: Writer, chunks: Iterator[Sequence[Any]], reader: _Reader) -> Iterator[bytes]:
    """Yield the bytes of an export. An error goes on to the server, which ends the connection."""
    try:
        if begin := writer.begin():
            yield begin
        for rows in chunks:
            if data := writer.rows(rows):
                yield data
        if end := writer.end():
            yield end
    finally:
        reader.close()
