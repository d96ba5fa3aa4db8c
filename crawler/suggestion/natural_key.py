"""The natural key of records: the fields whose values are different in all of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import combinations

from crawler.suggestion.stable_name import looks_random
from crawler.suggestion.suggestion import Field

IDENTIFIER = re.compile(
    r"(?:.*_)?(?:id|pk|sku|upc|ean|isbn|gtin|mpn|asin|uuid|guid|slug|code|ref|number|no|nr|hash|commit|ticket|value_id)"
    r"(?:_\d+)?|product_?id|identifier"
)
LONGEST = 600  # characters of a key's values, with room for longer ones in an index of MySQL
NO_KEY_TYPES = ("Decimal", "bool")
# The share of records that must have a value, if no field of all records is a key: a list may have a row of something
# else, such as a row of sums.
MOST_FILLED = 0.95
LEAST_DIFFERENT = 0.75  # the share of the records that no other record equals in all fields


def natural_key(
    fields: Sequence[Field], values: Mapping[str, Sequence[str]], detail: str | None
) -> tuple[str, ...]:
    """Return the names of the fields that identify a record: one field, else the first two that do so together.

    If no fields of all records do so, one that nearly all have does it; the other records have no key.

    Args:
        values: the values of each field, in the order of the records.
        detail: the XPath of the link to the detail page.
    """
    values = without_repeats({field.name: values[field.name] for field in fields})
    fields = [field for field in fields if not field.is_relative_time]
    usable = in_order(
        [field for field in fields if field.filled == 1.0 and field.max_length <= LONGEST], detail
    )
    for field in usable:
        if field.type not in NO_KEY_TYPES and len(set(values[field.name])) == len(values[field.name]):
            return (field.name,)
    short = [field for field in usable if field.max_length <= LONGEST / 2]
    for one, other in combinations(short[:12], 2):
        pairs = list(zip(values[one.name], values[other.name], strict=True))
        if len(set(pairs)) == len(pairs):
            return (one.name, other.name)
    nearly = [field for field in fields if MOST_FILLED <= field.filled < 1.0 and field.max_length <= LONGEST]
    for field in in_order(nearly, detail):
        some = [value for value in values[field.name] if value]
        if field.type not in NO_KEY_TYPES and len(set(some)) == len(some):
            return (field.name,)
    return ()


def in_order(fields: Sequence[Field], detail: str | None) -> list[Field]:
    """Return the fields, the likeliest key first."""
    return sorted(fields, key=lambda field: _order(field, detail))


def may_be_key(field: Field) -> bool:
    """Return whether the values of a field can be a key, if they are different in all records."""
    return field.type not in NO_KEY_TYPES and field.max_length <= LONGEST


def without_repeats(values: Mapping[str, Sequence[str]]) -> Mapping[str, Sequence[str]]:
    """Return the values without records that another one equals in all fields, if these are few.

    A page may show some records twice, such as new ones at its top. They become one row, whatever the key is.
    """
    records = list(zip(*values.values(), strict=True))
    different = list(dict.fromkeys(records))
    if not different or len(different) < LEAST_DIFFERENT * len(records):
        return values
    return dict(zip(values, zip(*different, strict=True), strict=True))


def _order(field: Field, detail: str | None) -> int:
    if IDENTIFIER.fullmatch(field.name) and not any(map(looks_random, field.samples)):
        return 0
    if field.xpath == detail:
        return 1
    if "title" in field.name or "name" in field.name:
        return 2
    if field.xpath.endswith("@href"):
        return 3
    # An amount, a date or a picture that happens to differ identifies nothing.
    return {"str": 4, "int": 5, "datetime": 6, "date": 7}.get(field.type, 8) + field.xpath.endswith(
        "@src"
    ) * 5
