"""The formats of exports: CSV, JSON lines and Parquet, each made of rows while they are read."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Protocol

from console.queries.site_types import (
    BINARY,
    BOOLEAN,
    DATE,
    DATETIME,
    DECIMAL,
    FLOAT,
    INTEGER,
    JSON_TEXT,
    TIME,
)
from models.json_values import to_json_value

CSV, JSON_LINES, PARQUET = "csv", "jsonl", "parquet"
MEDIA_TYPES = {
    CSV: "text/csv; charset=utf-8",
    JSON_LINES: "application/x-ndjson",
    PARQUET: "application/vnd.apache.parquet",
}
GROUP_ROWS, GROUP_BYTES = 5000, 16 * 1024 * 1024  # of a row group of Parquet
DANGEROUS = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet takes a cell that begins so as a formula


@dataclass(frozen=True, kw_only=True)
class ExportColumn:
    """A column of an export.

    Attributes:
        kind: of its values: a kind of console/queries/site_types.py.
        digits: precision and scale of a decimal.
        is_long: whether a value may be of any length.
    """

    name: str
    kind: str
    digits: tuple[int, int] | None = None
    is_long: bool = False


class Writer(Protocol):
    """Makes bytes of rows."""

    def begin(self) -> bytes: ...

    def rows(self, rows: Sequence[Any]) -> bytes: ...

    def end(self) -> bytes: ...


class CsvWriter:
    """CSV in UTF-8 with a header. A text that a spreadsheet would take as a formula begins with an apostrophe."""

    def __init__(self, columns: Sequence[ExportColumn]) -> None:
        self.columns = columns

    def begin(self) -> bytes:
        return _csv([[defused(one.name) for one in self.columns]])

    def rows(self, rows: Sequence[Any]) -> bytes:
        return _csv([[csv_cell(value) for value in row] for row in rows])

    def end(self) -> bytes:
        return b""


def _csv(rows: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8", "backslashreplace")


def csv_cell(value: Any) -> Any:
    """Return a value as a cell of CSV. Numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return value
    text = to_json_value(value)
    if not isinstance(text, str):
        text = json.dumps(text, ensure_ascii=False)
    return text if isinstance(value, date | time) else defused(text)


def defused(text: str) -> str:
    """Return a text that no spreadsheet takes as a formula."""
    return f"'{text}" if text.startswith(DANGEROUS) else text


class JsonLinesWriter:
    """A JSON object on each line."""

    def __init__(self, columns: Sequence[ExportColumn]) -> None:
        self.names = [one.name for one in columns]
        self.json = [one.kind == JSON_TEXT for one in columns]

    def begin(self) -> bytes:
        return b""

    def rows(self, rows: Sequence[Any]) -> bytes:
        return b"".join(self._line(row) for row in rows)

    def _line(self, row: Any) -> bytes:
        values = [
            json_of(value) if is_json else to_json_value(value)
            for value, is_json in zip(row, self.json, strict=True)
        ]
        text = json.dumps(dict(zip(self.names, values, strict=True)), ensure_ascii=False)
        try:
            return text.encode() + b"\n"
        except UnicodeEncodeError:  # a lone surrogate, which JSON can escape
            return json.dumps(dict(zip(self.names, values, strict=True))).encode() + b"\n"

    def end(self) -> bytes:
        return b""


def json_of(text: Any) -> Any:
    """Return the value of a column that has JSON as text; the text if it is none."""
    if isinstance(text, str):
        with suppress(ValueError, RecursionError):
            return json.loads(text)
    return to_json_value(text)


class _Sink(io.RawIOBase):
    """What pyarrow writes into: the bytes since the last ``take``."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._written += len(part)
        return len(part)

    def tell(self) -> int:
        return self._written

    def take(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


class ParquetWriter:
    """Parquet: row groups of some thousand rows, and the footer at the end."""

    def __init__(self, columns: Sequence[ExportColumn]) -> None:
        import pyarrow  # noqa: PLC0415  # it needs half a second, and most processes export nothing
        import pyarrow.parquet  # noqa: PLC0415

        self.arrow = pyarrow
        self.columns = columns
        names = unique_names([one.name for one in columns])
        self.schema = pyarrow.schema(
            [(name, arrow_type(pyarrow, one)) for name, one in zip(names, columns, strict=True)]
        )
        self.converters = [arrow_value(one) for one in columns]
        self.sink = _Sink()
        self.writer = pyarrow.parquet.ParquetWriter(self.sink, self.schema, compression="zstd")
        self.waiting: list[Sequence[Any]] = []
        self.bytes = 0

    def begin(self) -> bytes:
        return self.sink.take()

    def rows(self, rows: Sequence[Any]) -> bytes:
        for row in rows:
            self.waiting.append(row)
            self.bytes += sum(len(value) for value in row if isinstance(value, str | bytes))
            if len(self.waiting) >= GROUP_ROWS or self.bytes >= GROUP_BYTES:
                self._write_group()
        return self.sink.take()

    def _write_group(self) -> None:
        arrays = [
            self.arrow.array(
                [None if row[number] is None else convert(row[number]) for row in self.waiting], field.type
            )
            for number, (convert, field) in enumerate(zip(self.converters, self.schema, strict=True))
        ]
        self.writer.write_table(self.arrow.Table.from_arrays(arrays, schema=self.schema))
        self.waiting, self.bytes = [], 0

    def end(self) -> bytes:
        if self.waiting:
            self._write_group()
        self.writer.close()
        return self.sink.take()


def unique_names(names: Sequence[str]) -> list[str]:
    """Return the names as texts of UTF-8, each once."""
    found: list[str] = []
    for name in names:
        plain = utf8(name)
        while plain in found:
            plain += "_"
        found.append(plain)
    return found


def arrow_type(arrow: Any, column: ExportColumn) -> Any:
    """Return the type of a column in Parquet; a kind without a type of its own is text."""
    if column.kind == DECIMAL:
        if (
            column.digits is None
            or not 0 < column.digits[0] <= 76
            or not 0 <= column.digits[1] <= column.digits[0]
        ):
            return arrow.string()
        kind = arrow.decimal128 if column.digits[0] <= 38 else arrow.decimal256
        return kind(*column.digits)
    return {
        INTEGER: arrow.int64(),
        FLOAT: arrow.float64(),
        BOOLEAN: arrow.bool_(),
        DATETIME: arrow.timestamp("us", tz="UTC"),
        DATE: arrow.date32(),
        TIME: arrow.time64("us"),
        BINARY: arrow.binary(),
    }.get(column.kind, arrow.string())


def arrow_value(column: ExportColumn) -> Callable[[Any], Any]:
    """Return the function that makes a value of Parquet; it raises TypeError for a value of another kind."""
    kinds: dict[str, tuple[type, ...]] = {
        INTEGER: (int,),
        FLOAT: (float, int),
        BOOLEAN: (bool,),
        DATETIME: (datetime,),
        DATE: (date,),
        TIME: (time,),
        BINARY: (bytes,),
    }
    if column.kind == DECIMAL and column.digits is not None:
        kinds[DECIMAL] = (Decimal,)
    wanted = kinds.get(column.kind)

    def convert(value: Any) -> Any:
        if wanted is None:
            return utf8(value) if isinstance(value, str) else utf8(csv_text(value))
        if not isinstance(value, wanted):
            raise TypeError(
                f"{column.name} has a value that is no {column.kind}: export it as CSV or JSON lines"
            )
        return value

    return convert


def csv_text(value: Any) -> str:
    """Return a value as text."""
    text = to_json_value(value)
    return text if isinstance(text, str) else json.dumps(text, ensure_ascii=False)


def utf8(text: str) -> str:
    """Return the text with lone surrogates, which UTF-8 does not have, as ``\\ud800``."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


WRITERS: dict[str, Callable[[Sequence[ExportColumn]], Writer]] = {
    CSV: CsvWriter,
    JSON_LINES: JsonLinesWriter,
    PARQUET: ParquetWriter,
}
