"""Why records have no natural key, and the field that would be the next one to identify them."""

from __future__ import annotations

from collections import Counter

from crawler.suggestion.document import parse, value_of
from crawler.suggestion.natural_key import in_order, may_be_key
from crawler.suggestion.suggestion import Suggestion


def missing_key(suggestion: Suggestion, html: str, url: str) -> str:
    """Return why no field of the suggestion identifies its records, and what a user can write."""
    usable = [field for field in suggestion.fields if may_be_key(field)]
    if not usable:
        return "no field has a short text or a number: choose the fields that identify one, with --key FIELD,FIELD"
    best = max(field.filled for field in usable)
    field = in_order([one for one in usable if one.filled == best], suggestion.detail)[0]
    option = f"write --key {field.name}"
    if best < 1.0:
        return f"none has a value in all of them; {field.name} has one in {best:.0%}: {option} to reject the others"
    records = [record for record in parse(html, url).select(suggestion.record) if hasattr(record, "tag")]
    texts = Counter(value_of(record, field.xpath) for record in records)
    for text, number in texts.most_common(1):
        if number == 1:
            break
        times = "twice" if number == 2 else f"{number} times"
        return (
            f"{field.name} would be the key, but {text[:100]!r} comes {times}: {option} if that is the same "
            "record, or --key FIELD,FIELD with the fields that tell them apart"
        )
    return f"{field.name} would be the key, but another page has one of its values: {option} if that is the same record"
