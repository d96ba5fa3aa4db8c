"""The first item pipeline: it validates an item, or rejects it with a reason for each field."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, Self
from uuid import UUID

from itemadapter import ItemAdapter
from scrapy.crawler import Crawler
from scrapy.exceptions import DropItem
from sqlalchemy import Column
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from crawler.page.item_json import plain_item
from crawler.page.page import current_page
from crawler.page.row import Rejection
from crawler.run.stopping import stop_crawl
from models import Row
from pipelines.values.coerce import coerce, reader
from pipelines.values.invalid_value import InvalidValue, Reader

logger = logging.getLogger(__name__)


class InvalidItem(DropItem):
    """An item breaks the rules of its model; ``reasons`` has the reasons by field. Other items are not affected."""

    def __init__(self, model: type[Row], reasons: Mapping[str, str]) -> None:
        super().__init__(f"{model.__name__}: " + "; ".join(f"{name} {why}" for name, why in reasons.items()))
        self.model, self.reasons = model, reasons


class UnknownField(Exception):
    """An item has a field without a column in its model: the spider or the model has to change."""

    def __init__(self, model: type[Row], name: str) -> None:
        known = [*model.fields(), *model.children()]
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"its fields are {', '.join(known)}"
        super().__init__(
            f"the item has a field {name!r}, and {model.__name__} has no column of that name; {hint}"
        )
        self.model, self.name = model, name


def model_of(item: Any, spider: Any) -> type[Row] | None:
    """Return the model of an item: its own attribute ``model``, or that of its spider; None if there is none."""
    for named in (getattr(item, "model", None), getattr(spider, "model", None)):
        if isinstance(named, type) and issubclass(named, Row):
            return named
    return None


# Values that ItemAdapter.asdict() returns unchanged.
SIMPLE = frozenset({bool, bytes, date, datetime, Decimal, float, int, str, time, timedelta, type(None), UUID})


def fields_of(item: Any) -> dict[str, Any]:
    """Return the fields of an item, with items inside it as dicts: ``ItemAdapter.asdict()``.

    For each value of a dict, ItemAdapter tries five classes of items. Most dicts have only simple values.
    """
    if type(item) is dict and SIMPLE.issuperset(map(type, item.values())):
        return item.copy()
    return ItemAdapter(item).asdict()


@dataclass(frozen=True, kw_only=True)
class _Rules:
    """The rules of a model for its items, looked up once and not for every item."""

    known: frozenset[str]
    columns: tuple[tuple[str, Reader, bool], ...]  # name, reader, whether an item may leave it out
    readers: tuple[tuple[str, Reader], ...]  # names and readers; empty if the model has children
    constants: Mapping[str, Any]  # the defaults of the natural key's columns


@cache
def _rules(model: type[Row]) -> _Rules:
    columns = tuple((name, reader(column), is_optional(column)) for name, column in model.fields().items())
    return _Rules(
        known=frozenset([*model.fields(), *model.children()]),
        columns=columns,
        constants={name: _constant(model.fields()[name]) for name in model.key()},
        readers=() if model.children() else tuple((name, read) for name, read, _ in columns),
    )


def is_optional(column: Column[Any]) -> bool:
    """Return whether an item may leave the column out. A column that is left out is not NULL: None is NULL."""
    filled = column.default is not None or column.server_default is not None
    return not column.primary_key and bool(column.nullable or filled)


def _constant(column: Column[Any]) -> Any:
    default = column.default
    return default.arg if isinstance(default, ScalarElementColumnDefault) else None


def validated(fields: Mapping[str, Any], model: type[Row]) -> dict[str, Any]:
    """Return the item's fields with the values that the model's columns store.

    Raises:
        UnknownField: the model has no such field.
        InvalidItem: values are missing or invalid; the reasons name every such field.
    """
    rules = _rules(model)
    if len(fields) == len(rules.readers):  # probably exactly the model's fields
        try:
            return {name: read(fields[name]) for name, read in rules.readers}
        except (KeyError, InvalidValue):
            pass  # read again below, with a reason for each field
    if not rules.known.issuperset(fields):
        raise UnknownField(model, next(name for name in fields if name not in rules.known))
    values: dict[str, Any] = {}
    reasons: dict[str, str] = {}
    for name, read, optional in rules.columns:
        if name in fields:
            value = fields[name]
        elif optional:
            continue  # left out: a stored row keeps its value, a new row gets the default
        else:
            value = rules.constants.get(name)
        try:
            values[name] = read(value)
        except InvalidValue as invalid:
            reasons[name] = str(invalid)
    for name, children in model.children().items():
        if name not in fields:
            continue
        inherited = {child: fields.get(parent) for child, parent in children.columns_from_parent.items()}
        rows = []
        for position, child in enumerate(fields[name] or ()):
            try:
                rows.append(validated({**fields_of(child), **inherited}, children.model))
            except InvalidItem as rejected:
                # A parent is stored with all its children or not at all: a missing child would delete a
                # stored row.
                reasons |= {f"{name}[{position}].{field}": why for field, why in rejected.reasons.items()}
        values[name] = rows
    if reasons:
        raise InvalidItem(model, reasons)
    return values


def readable_key(fields: Mapping[str, Any], model: type[Row]) -> tuple[Any, ...] | None:
    """Return the natural key of a rejected item; None if its key is not valid."""
    try:
        constants = _rules(model).constants
        return tuple(coerce(fields.get(name, constants[name]), model.fields()[name]) for name in model.key())
    except InvalidValue:
        return None


class ValidatePipeline:
    """The pipeline that validates items. It writes the values into the item, so that feeds (``-O``) get them too."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.warned = False

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    def process_item(self, item: Any) -> Any:
        spider = self.crawler.spider
        model = model_of(item, spider)
        if model is None:
            if not self.warned:
                self.warned = True
                logger.warning(
                    "spider %s has no model for its items, so they are not stored: "
                    "set `model = ...` in the spider",
                    getattr(spider, "name", "?"),
                )
            return item
        fields = fields_of(item)
        page = current_page.get()
        try:
            values = validated(fields, model)
        except UnknownField as error:
            if page is not None:
                page.fail(str(error))
            stop_crawl(self.crawler, "unknown_field", str(error))
            raise DropItem(str(error), log_level="DEBUG") from None
        except InvalidItem as invalid:
            if page is not None:
                page.reject(
                    Rejection(
                        model=model,
                        item=plain_item(fields),
                        reasons=invalid.reasons,
                        key=readable_key(fields, model),
                    )
                )
            raise
        if type(item) is dict:
            item.update(values)
            return item
        adapter = ItemAdapter(item)
        for name, value in values.items():
            adapter[name] = value
        return item
