"""The columns of the sites' tables: how a query reads, compares and sorts them, whatever program has made them.

The values of a column are of one kind here, on all databases. A type that no kind fits is read as text.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Date,
    Dialect,
    Double,
    Enum,
    Integer,
    LargeBinary,
    Numeric,
    String,
    Text,
    TypeDecorator,
    Uuid,
    bindparam,
    case,
    cast,
    func,
    type_coerce,
)
from sqlalchemy.types import JSON, TypeEngine

from models.existing.field_type import UnsupportedColumn, field_type
from models.types import MYSQL, ExactNumeric, TimeOfDay, UtcDateTime

TEXT, INTEGER, DECIMAL, FLOAT, BOOLEAN = "text", "integer", "decimal", "float", "boolean"
DATETIME, DATE, TIME, UUID_TEXT = "datetime", "date", "time", "uuid"
BINARY, JSON_TEXT, OTHER = "binary", "json", "other"
NUMBERS = (INTEGER, DECIMAL, FLOAT)
TEXTS = (TEXT, JSON_TEXT, OTHER)

SHORT = 255  # characters: a text column that may be longer is sorted by its beginning, and is never a choice
SORTED = 100  # characters of a long text by which rows are sorted
MOST_INTEGER = 2**63
BYTES_OF_MYSQL = ("BINARY", "VARBINARY", "TINYBLOB", "MEDIUMBLOB", "LONGBLOB")
SPATIAL = ("GEOMETRY", "POINT", "LINESTRING", "POLYGON", "MULTI", "BIT")


@dataclass(frozen=True, kw_only=True, eq=False)
class SiteColumn:
    """A column of a site's table.

    Attributes:
        kind: what its values are: TEXT, INTEGER, ...
        described: its type, as the database names it.
        read: the expression of its values in a query.
        compared: the expression that conditions and the order of a list use.
        bind: the type of a value that is compared with it.
        length: the most characters of a text; None: no limit.
        digits: precision and scale of a decimal; None: not known.
        choices: the values that an enumeration may have; None: it is none.
    """

    name: str
    kind: str
    described: str
    read: ColumnElement[Any]
    compared: ColumnElement[Any]
    bind: TypeEngine[Any]
    nullable: bool
    length: int | None = None
    digits: tuple[int, int] | None = None
    choices: tuple[str, ...] | None = None

    @property
    def is_number(self) -> bool:
        return self.kind in NUMBERS

    @property
    def is_long(self) -> bool:
        """Return whether a value may be so long that a list shows its beginning only."""
        return self.kind in (BINARY, JSON_TEXT, OTHER) or (
            self.kind == TEXT and (self.length is None or self.length > SHORT)
        )

    @property
    def is_binary(self) -> bool:
        return self.kind == BINARY


class AsStored(TypeDecorator[Any]):
    """A value of SQLite as it is stored: a column of SQLite may have values of any type."""

    impl = String
    cache_ok = True

    def __repr__(self) -> str:
        return "AsStored()"


class IfPossible(TypeDecorator[Any]):
    """A value of SQLite as a value of ``inner``; as it is stored if it is none."""

    impl = String
    cache_ok = True

    def __init__(self, inner: TypeEngine[Any]) -> None:
        super().__init__()
        self.inner = inner

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        process = self.inner.dialect_impl(dialect).bind_processor(dialect)
        return process(value) if process is not None and not isinstance(value, str) else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        if value is None:
            return None
        process = self.inner.dialect_impl(dialect).result_processor(dialect, None)
        try:
            found = process(value) if process is not None else value
        except (ValueError, TypeError, ArithmeticError):
            return value
        return value if found is None else found  # a type of ours has None for what it cannot read

    def __repr__(self) -> str:
        return f"IfPossible({self.inner!r})"


def site_column(
    column: Column[Any],
    type_: TypeEngine[Any],
    dialect: str,
    *,
    nullable: bool,
) -> SiteColumn:
    """Return how queries use a column.

    Args:
        column: the column in queries; its type is set here.
        type_: the type that the database reports. A decimal of up to 15 digits is a float on SQLite.
    """
    described = _described(type_, dialect)
    if dialect == "sqlite":
        return _of_sqlite(column, type_, described, nullable=nullable)
    length = digits = choices = None
    read: ColumnElement[Any] = column
    bind: TypeEngine[Any]
    if isinstance(type_, Enum):
        kind, bind, choices = TEXT, String(), tuple(type_.enums)
        read = cast(column, Text()) if dialect == "postgresql" else type_coerce(column, String())
        length = max(map(len, choices), default=1)
    else:
        kind, bind, length, digits = _kind(type_, dialect)
        if kind == JSON_TEXT and isinstance(type_, ARRAY):
            read = cast(func.to_jsonb(column), Text())
        elif kind in (JSON_TEXT, OTHER):
            read = _as_text(column, type_, dialect)
        else:
            column.type = bind
    compared = read
    if kind == FLOAT and type_.__visit_name__ in ("REAL", "FLOAT"):
        compared = cast(column, Double())  # a value of four bytes is another one after it was read
    return SiteColumn(
        name=column.name,
        kind=kind,
        described=described,
        read=read,
        compared=compared,
        bind=bind,
        nullable=nullable,
        length=length,
        digits=digits,
        choices=choices,
    )


def _described(type_: TypeEngine[Any], dialect: str) -> str:
    if isinstance(type_, Enum):
        return f"one of {len(type_.enums)} texts"
    with suppress(Exception):  # a type of another program that SQLAlchemy cannot write
        return str(type_.compile()).split(" COLLATE ")[0].split(" CHARACTER SET ")[0]
    return type_.__visit_name__


def _kind(
    type_: TypeEngine[Any], dialect: str
) -> tuple[str, TypeEngine[Any], int | None, tuple[int, int] | None]:
    """Return the kind of a type, the type of values to compare, its length, and its digits."""
    if type_.__visit_name__ in BYTES_OF_MYSQL:  # BINARY is no LargeBinary of SQLAlchemy
        return BINARY, LargeBinary(), None, None
    try:
        known = field_type(type_, dialect)
    except UnsupportedColumn:
        return OTHER, String(), None, None
    if known.__visit_name__ == "INTERVAL" or type(known).__name__ == "Duration":
        return OTHER, String(), None, None
    if isinstance(known, UtcDateTime):
        return DATETIME, known, None, None
    if isinstance(known, Uuid):
        return UUID_TEXT, Uuid(as_uuid=False), None, None
    inner = known.impl_instance if isinstance(known, TypeDecorator) else known
    kind = next((kind for kind, types in KINDS if isinstance(inner, types)), OTHER)
    if kind == OTHER:
        return OTHER, String(), None, None
    if kind == TEXT:
        length = None if isinstance(inner, Text) else getattr(inner, "length", None)
        return kind, known, length, None
    if kind == DECIMAL:
        precision, scale = getattr(known, "precision", None), getattr(known, "scale", None)
        return kind, Numeric(), None, (precision, scale or 0) if precision else None
    if kind == INTEGER:
        unsigned = getattr(known, "most", 0) >= MOST_INTEGER
        return (DECIMAL, Numeric(), None, (20, 0)) if unsigned else (INTEGER, BigInteger(), None, None)
    return kind, known, None, None


# The order matters: a Double is a Numeric.
KINDS: list[tuple[str, Any]] = [
    (BOOLEAN, Boolean),
    (INTEGER, Integer),
    (FLOAT, Double),
    (DECIMAL, Numeric),
    (DATE, Date),
    (TIME, type(TimeOfDay().impl_instance)),
    (BINARY, LargeBinary),
    (JSON_TEXT, (JSON, ARRAY)),
    (TEXT, String),
]


def _as_text(column: Column[Any], type_: TypeEngine[Any], dialect: str) -> ColumnElement[Any]:
    if dialect in MYSQL:
        if type_.__visit_name__.upper().startswith(SPATIAL):
            return func.hex(column)
        return cast(column, String())
    return cast(column, Text())


def _of_sqlite(
    column: Column[Any],
    type_: TypeEngine[Any],
    described: str,
    *,
    nullable: bool,
) -> SiteColumn:
    kind, bind, length, digits = _kind(type_, "sqlite")
    read_type: TypeEngine[Any]
    if kind == DECIMAL and digits is not None and digits[0] <= ExactNumeric.FLOAT_DIGITS:
        read_type = IfPossible(ExactNumeric(*digits))
    elif kind in (BOOLEAN, DATETIME, DATE, TIME):
        read_type = IfPossible(bind)
    else:
        read_type = AsStored()
    column.type = read_type
    return SiteColumn(
        name=column.name,
        kind=kind,
        described=described or "any",
        read=column,
        compared=type_coerce(column, AsStored()),
        bind=AsStored() if kind not in (BOOLEAN, DATETIME, DATE, TIME) else read_type,
        nullable=nullable,
        length=length,
        digits=digits,
    )


def bound(column: SiteColumn, value: Any, dialect: str) -> ColumnElement[Any]:
    """Return a value as a parameter that is compared with a column."""
    if dialect == "sqlite" and isinstance(value, Decimal):
        value = float(value)
    return bindparam(None, value, type_=column.bind, unique=True)


def sort_expression(column: SiteColumn) -> ColumnElement[Any]:
    """Return what rows are sorted by: the column, or the beginning of a long text."""
    if column.kind in TEXTS and column.is_long:
        return func.substr(column.compared, 1, SORTED)
    return column.compared


def beginning(column: SiteColumn, longest: int, dialect: str) -> ColumnElement[Any]:
    """Return the expression of at most ``longest`` characters of a value; of bytes their number."""
    if dialect == "sqlite":
        stored = type_coerce(column.read, AsStored())
        return type_coerce(
            case(
                (func.typeof(stored) == "blob", func.substr(stored, 1, longest)),
                (func.typeof(stored) == "text", func.substr(stored, 1, longest)),
                else_=stored,
            ),
            column.read.type,
        )
    if column.kind in TEXTS and column.is_long:
        return func.substr(column.read, 1, longest, type_=String())
    if column.kind == BINARY:
        return func.substr(column.read, 1, longest, type_=LargeBinary())
    return column.read
