"""A suggestion beside a page with more records of the same list, as after scrolling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from crawler.suggestion.alternatives import MOST_RECORDS
from crawler.suggestion.document import parse, value_of
from crawler.suggestion.natural_key import natural_key
from crawler.suggestion.suggestion import Field, Suggestion, TypeOf


def with_more_records(suggestion: Suggestion, html: str, url: str, type_of: TypeOf) -> Suggestion:
    """Return the suggestion with what more records say: their number, the fields that all have, a key that holds.

    Args:
        html: of a page that has the records of the suggestion and more; if it has not, nothing changes.
        url: of that page.
        type_of: returns the type of a field's texts.
    """
    records = [record for record in parse(html, url).select(suggestion.record) if hasattr(record, "tag")]
    if len(records) <= suggestion.rows:
        return suggestion
    values = {
        one.name: [value_of(record, one.xpath) for record in records[:MOST_RECORDS]]
        for one in suggestion.fields
    }
    fields = tuple(_field(one, values[one.name], type_of) for one in suggestion.fields)
    return replace(
        suggestion,
        fields=fields,
        key=_key(suggestion, fields, values),
        grid_rows=max(len(records), suggestion.grid_rows),
    )


def _field(field: Field, texts: Sequence[str], type_of: TypeOf) -> Field:
    some = [text for text in texts if text]
    if not some:
        return replace(field, filled=0.0)
    return replace(
        field,
        type="str" if field.type == "str" else type_of(some),
        filled=len(some) / len(texts),
        max_length=max(field.max_length, *map(len, some)),
    )


def _key(suggestion: Suggestion, fields: Sequence[Field], values: dict[str, list[str]]) -> tuple[str, ...]:
    """Return the key of the suggestion if it identifies each of the records, else another one."""
    keys = list(zip(*(values[name] for name in suggestion.key), strict=True))
    if keys and all(map(all, keys)) and len(set(keys)) == len(keys):
        return suggestion.key
    return natural_key(fields, values, suggestion.detail)
