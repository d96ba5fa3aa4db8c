"""A suggestion beside pages with more records of the same list: the page after scrolling, or the next page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from crawler.suggestion.alternatives import MOST_RECORDS
from crawler.suggestion.document import Element, parse, text_of, value_of
from crawler.suggestion.natural_key import natural_key, without_repeats
from crawler.suggestion.next_page import next_page_on
from crawler.suggestion.suggestion import Field, Suggestion, TypeOf, kind_of, text_only


def with_more_records(suggestion: Suggestion, pages: Sequence[str], url: str, type_of: TypeOf) -> Suggestion:
    """Return the suggestion with what more records say: the fields that all have, a key that holds.

    Args:
        pages: the HTML of pages that have the records of the suggestion and more; if they have not, nothing changes.
            A record with the text of one on an earlier page is that record.
        url: of the list.
        type_of: returns the type of a field's texts.
    """
    records: list[Element] = []
    seen: set[str] = set()
    for page in pages:
        new = [(text_of(record), record) for record in _records(suggestion, page, url)]
        records += [record for text, record in new if text not in seen]
        seen |= {text for text, _ in new}
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
    )


def with_scrolled_page(suggestion: Suggestion, html: str, url: str, type_of: TypeOf) -> Suggestion:
    """Return the suggestion with what the page after scrolling says.

    If that has no more records than the page before, the list is not windowed, whatever its grid says.
    """
    number = len(_records(suggestion, html, url))
    if number <= suggestion.rows:
        return replace(suggestion, grid_rows=0) if number == suggestion.rows else suggestion
    found = with_more_records(suggestion, [html], url, type_of)
    return replace(found, grid_rows=max(number, suggestion.grid_rows))


def with_next_page(suggestion: Suggestion, page: tuple[str, str], following: tuple[str, str]) -> Suggestion:
    """Return the suggestion with the XPath of the next page that holds on the page which it led to, too.

    Args:
        page, following: the HTML and the URL of both pages.
    """
    return replace(suggestion, next_page=next_page_on(parse(*page), parse(*following)))


def have_other_records(suggestion: Suggestion, page: str, other: str, url: str) -> bool:
    """Return whether another page has records of the suggestion that this page has not."""
    here, there = ({text_of(record) for record in _records(suggestion, html, url)} for html in (page, other))
    return bool(here) and bool(there - here)


def _records(suggestion: Suggestion, html: str, url: str) -> list[Element]:
    return [record for record in parse(html, url).select(suggestion.record) if hasattr(record, "tag")]


def _field(field: Field, texts: Sequence[str], type_of: TypeOf) -> Field:
    some = [text for text in texts if text]
    if not some:
        return replace(field, filled=0.0)
    return replace(
        field,
        **kind_of(some, text_only if field.type == "str" else type_of),
        filled=len(some) / len(texts),
        max_length=max(field.max_length, *map(len, some)),
    )


def _key(suggestion: Suggestion, fields: Sequence[Field], values: dict[str, list[str]]) -> tuple[str, ...]:
    """Return the key of the suggestion if it identifies each of the records, else another one."""
    different = without_repeats({field.name: values[field.name] for field in fields})
    keys = list(zip(*(different[name] for name in suggestion.key), strict=True))
    if keys and all(map(all, keys)) and len(set(keys)) == len(keys):
        return suggestion.key
    return natural_key(fields, values, suggestion.detail)
