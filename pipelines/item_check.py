"""The check of an item without storing it: adaptive rendering compares the valid values of two forms of a page."""

from __future__ import annotations

from typing import Any

from crawler.rendering.comparison import CheckedItem
from pipelines.validate import InvalidItem, UnknownField, fields_of, model_of, validated


def check_item(item: Any, spider: Any) -> CheckedItem:
    """Validate an item by the rules of its model. The item is not changed, and no pipeline runs."""
    model, fields = model_of(item, spider), fields_of(item)
    if model is None:
        return CheckedItem(table=type(item).__name__, key=fields, values=fields)
    table = model.__tablename__
    try:
        values = validated(fields, model)
    except InvalidItem as invalid:
        return CheckedItem(table=table, key=fields, values=fields, reasons=invalid.reasons)
    except UnknownField as unknown:
        return CheckedItem(table=table, key=fields, values=fields, reasons={unknown.name: "is no column"})
    return CheckedItem(table=table, key=[values[name] for name in model.key()], values=values)
