"""The first step: an item becomes what its model can hold, or is rejected with a reason a field."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

from itemadapter import ItemAdapter
from scrapy.crawler import Crawler
from scrapy.exceptions import DropItem

from crawler.page import current_page, plain_item
from crawler.row import Rejection
from crawler.stopping import stop_crawl
from models import Row
from pipelines.coerce import Read, Unfit, coerce, reader

logger = logging.getLogger(__name__)


class InvalidItem(DropItem):
    """An item breaks the rules of its model; ``reasons`` has them by field. Its neighbours are not touched."""

    def __init__(self, model: type[Row], reasons: Mapping[str, str]) -> None:
        super().__init__(f"{model.__name__}: " + "; ".join(f"{name} {why}" for name, why in reasons.items()))
        self.model, self.reasons = model, reasons


class UnknownField(Exception):
    """An item has a field that its model has no column for: the spider or the model has to change."""

    def __init__(self, model: type[Row], name: str) -> None:
        known = [*model.fields(), *model.children()]
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"its fields are {', '.join(known)}"
        super().__init__(f"the item has a field {name!r} that {model.__name__} has no column for; {hint}")
        self.model, self.name = model, name


def model_of(item: Any, spider: Any) -> type[Row] | None:
    """The model that an item is for: its own ``model`` attribute, or its spider's."""
    for named in (getattr(item, "model", None), getattr(spider, "model", None)):
        if isinstance(named, type) and issubclass(named, Row):
            return named
    return None


@dataclass(frozen=True, kw_only=True)
class _Rules:
    """What a model asks of its items, looked up once and not for every item."""

    known: frozenset[str]
    columns: tuple[tuple[str, Read, bool], ...]  # name, what reads it, whether an item may leave it out
    readers: tuple[tuple[str, Read], ...]  # the same, shorter; none where the model has lists of children


@cache
def _rules(model: type[Row]) -> _Rules:
    columns = tuple((name, reader(column), bool(column.nullable)) for name, column in model.fields().items())
    return _Rules(
        known=frozenset([*model.fields(), *model.children()]),
        columns=columns,
        readers=() if model.children() else tuple((name, read) for name, read, _ in columns),
    )


def validated(fields: Mapping[str, Any], model: type[Row]) -> dict[str, Any]:
    """The item's fields as the model's columns hold them.

    Raises:
        UnknownField: a field is not in the model.
        InvalidItem: a value is missing or does not fit; every such field is named, not only the first.
    """
    rules = _rules(model)
    if len(fields) == len(rules.readers):  # as many as there are, so most likely these
        try:
            return {name: read(fields[name]) for name, read in rules.readers}
        except (KeyError, Unfit):
            pass  # once more, for a reason a field
    if not rules.known.issuperset(fields):
        raise UnknownField(model, next(name for name in fields if name not in rules.known))
    values: dict[str, Any] = {}
    reasons: dict[str, str] = {}
    for name, read, may_be_left_out in rules.columns:
        if may_be_left_out and name not in fields:
            continue  # not said: the database keeps what it has
        try:
            values[name] = read(fields.get(name))
        except Unfit as unfit:
            reasons[name] = str(unfit)
    for name, children in model.children().items():
        if name not in fields:
            continue
        inherited = {child: fields.get(parent) for child, parent in children.columns_from_parent.items()}
        rows = []
        for position, child in enumerate(fields[name] or ()):
            try:
                rows.append(validated({**ItemAdapter(child).asdict(), **inherited}, children.model))
            except InvalidItem as rejected:
                # A parent is stored with all of its children or not at all: a list with a hole would delete a row.
                reasons |= {f"{name}[{position}].{field}": why for field, why in rejected.reasons.items()}
        values[name] = rows
    if reasons:
        raise InvalidItem(model, reasons)
    return values


def readable_key(fields: Mapping[str, Any], model: type[Row]) -> tuple[Any, ...] | None:
    """The natural key of an item that is rejected, if that much of it is fit."""
    try:
        return tuple(coerce(fields.get(name), model.fields()[name]) for name in model.key())
    except Unfit:
        return None


class ValidatePipeline:
    """Puts the validated values back into the item, so that feeds (``-O``) and later steps see them too."""

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
                    "spider %s says no model for its items, so they are not stored: give it `model = ...`",
                    getattr(spider, "name", "?"),
                )
            return item
        adapter = ItemAdapter(item)
        fields = adapter.asdict()
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
        for name, value in values.items():
            adapter[name] = value
        return item
