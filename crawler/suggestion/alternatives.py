"""All suggestions for a page, the best first, so that a user can choose another record."""

from __future__ import annotations

from collections.abc import Sequence

from crawler.suggestion.document import Document, Element, parse, value_of
from crawler.suggestion.field_name import names
from crawler.suggestion.groups import IN_MENU, Group, groups
from crawler.suggestion.natural_key import natural_key
from crawler.suggestion.next_page import next_page
from crawler.suggestion.places import SAMPLE, SHARED, places
from crawler.suggestion.record_path import record_path
from crawler.suggestion.score import score
from crawler.suggestion.selection import Candidate, repeated_share, select
from crawler.suggestion.structured_data import StructuredData
from crawler.suggestion.suggestion import Field, Suggestion, TypeOf, kind_of, text_only
from crawler.suggestion.windowed import are_placed, rows_of_grid

MOST_SUGGESTIONS = 10
MOST_FIELDS = 24
MOST_RECORDS = 1000  # whose values are read
MOST_SAMPLES = 5
JSON_LD_FACTOR = 1.5  # of the score of records that JSON-LD confirms
MICRODATA_FACTOR = 1.5


def candidates(html: str, url: str, type_of: TypeOf = text_only) -> list[Suggestion]:
    """Return the suggestions for a page, the best first; [] if nothing is repeated on it.

    Args:
        html: the HTML of a list page, as a renderer returns it.
        url: the page's URL.
        type_of: returns the type of a field's texts.
    """
    document = parse(html, url)
    data = StructuredData(document)
    following = next_page(document)
    scored = []
    seen: set[str] = set()
    for group in groups(document):
        path = record_path(document, group)
        if path is not None and path not in seen:
            seen.add(path)
            if (one := _scored(document, group, path, data, following, type_of)) is not None:
                scored.append(one)
    scored.sort(key=lambda one: one[0], reverse=True)
    return [one for _, one in scored[:MOST_SUGGESTIONS]]


def _scored(
    document: Document, group: Group, path: str, data: StructuredData, following: str | None, type_of: TypeOf
) -> tuple[float, Suggestion] | None:
    """Return the suggestion for a group with its score; None if its records have no fields."""
    records = [record for record in document.select(path) if hasattr(record, "tag")]
    sample = records[:SAMPLE]
    all_places = places(document, sample)
    found = select(all_places, sample)[:MOST_FIELDS]
    if len(records) < 2 or not found:
        return None
    points = score(document, group, found, len(records), repeated_share(all_places))
    properties = [data.property_of(one.values) for one in found]
    source = "markup"
    if {"name", "url"} & set(properties):
        source, points = "json-ld", points * JSON_LD_FACTOR
    if sample[0].get("itemscope") is not None and any(
        one.place.end and one.place.end.itemprop for one in found
    ):
        source, points = "microdata", points * MICRODATA_FACTOR
    fields, values = _fields(found, records, _main_link(found), properties, type_of)
    if not fields:
        return None
    link = _main_link(found, document)
    detail = None if link is None else link.xpath
    suggestion = Suggestion(
        record=path,
        fields=fields,
        key=natural_key(fields, values, detail),
        detail=detail,
        next_page=following,
        rows=max(document.count(path), len(records)),
        source=source,
        grid_rows=rows_of_grid(records),
        is_placed=are_placed(records),
        in_menu=group.penalty <= IN_MENU,
    )
    return points, suggestion


def _main_link(found: Sequence[Candidate], document: Document | None = None) -> Candidate | None:
    """Return the link with the most telling text; with a document, rather one to the same site."""

    def weight(one: Candidate) -> float:
        abroad = document is not None and sum(map(document.is_same_site, one.values)) < len(one.values) / 2
        return one.link_weight * (0.3 if abroad else 1.0)

    return max((one for one in found if one.is_link), key=weight, default=None)


def _fields(
    found: Sequence[Candidate],
    records: Sequence[Element],
    main: Candidate | None,
    properties: Sequence[str | None],
    type_of: TypeOf,
) -> tuple[tuple[Field, ...], dict[str, list[str]]]:
    """Return the fields, and the values of each in all records."""
    fields, values = [], {}
    for one, name, known in zip(found, names(found, records, main, properties), properties, strict=True):
        texts = [value_of(record, one.xpath) for record in records[:MOST_RECORDS]]
        some = [text for text in texts if text]
        if len(some) < SHARED * len(texts):
            continue
        is_address = one.place.kind in ("@href", "@src", "@data-src")
        fields.append(
            Field(
                name=name,
                xpath=one.xpath,
                **kind_of(some, text_only if is_address or known == "name" else type_of),
                filled=len(some) / len(texts),
                samples=tuple(some[:MOST_SAMPLES]),
                max_length=max(map(len, some)),
            )
        )
        values[name] = texts
    return tuple(fields), values
