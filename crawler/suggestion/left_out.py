"""What the records have that is no field of a suggestion: values of few records, equal texts, and columns of icons."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from crawler.suggestion import aria_grid
from crawler.suggestion.document import Document, Element, children, evaluate, parse, value_of
from crawler.suggestion.field_name import name_of, names
from crawler.suggestion.field_path import element_paths
from crawler.suggestion.labels import LABEL_TAGS, heading_of
from crawler.suggestion.places import CELLS, NO_MARK, SAMPLE, SHARED, Place, Step, places
from crawler.suggestion.selection import PROSE, Candidate, is_varied, reduced
from crawler.suggestion.stable_name import is_stable
from crawler.suggestion.suggestion import (
    ICON,
    RARE,
    SAME,
    Field,
    LeftOut,
    Suggestion,
    TypeOf,
    kind_of,
    text_only,
)

MOST = 12  # that are listed
FEWEST_SHARED = 0.02  # the share of records that have to have a class which an XPath may name
KINDS = ("text", "own", "@href", "@datetime")
ICON_ATTRIBUTES = ("title", "aria-label", "alt", "data-icon-name", "data-icon", "data-testid", "class")
PICTURES = "[self::i or self::svg or self::img or self::span[contains(@class, 'icon')]]"
SAMPLES = 5


def with_left_out(suggestion: Suggestion, html: str, url: str, type_of: TypeOf = text_only) -> Suggestion:
    """Return the suggestion with what its records have besides its fields.

    Args:
        html, url, type_of: as for ``candidates``.
    """
    document = parse(html, url)
    records = [one for one in document.select(suggestion.record) if hasattr(one, "tag")][:SAMPLE]
    if not records:
        return suggestion
    values = [
        [" ".join(value_of(one, field.xpath).split()) for one in records] for field in suggestion.fields
    ]
    all_places = places(document, records, FEWEST_SHARED)
    labels = {step.label for place in all_places for step in place.way} - {""}
    wanted = [place for place in all_places if place.kind in KINDS or place.kind.startswith("line:")]
    found = [
        one
        for one in reduced(wanted, all_places, records)
        if not is_varied(one.place, len(records)) and not _is_told(one, values, labels)
    ]
    taken = [field.name for field in suggestion.fields]
    named = names(found, records, None, [None] * len(found), taken)
    listed = [
        LeftOut(field=_field(name, one, type_of), why=SAME if _is_frequent(one, records) else RARE)
        for name, one in zip(named, found, strict=True)
    ]
    columns = _columns_without_text(document, records, [*taken, *named], values)
    return dataclasses.replace(suggestion, left_out=tuple([*columns, *listed][:MOST]))


def _is_frequent(one: Candidate, records: Sequence[Element]) -> bool:
    return len(one.values) >= SHARED * len(records)


def _is_told(one: Candidate, fields: Sequence[Sequence[str]], labels: set[str]) -> bool:
    """Return whether a field has these texts, or whether they are labels or a part of another text."""
    end = one.place.end
    if end is not None and end.tag in LABEL_TAGS:
        return True
    texts = set(one.values)
    if texts <= labels or all(text.endswith(":") or not any(map(str.isalnum, text)) for text in texts):
        return True
    is_prose = end is not None and end.tag in PROSE and not end.classes
    for values in fields:
        pairs = [(text, value) for text, value in zip(one.texts, values, strict=True) if text]
        if all(text == value or (is_prose and text in value) for text, value in pairs):
            return True
    return False


def _field(name: str, one: Candidate, type_of: TypeOf) -> Field:
    return Field(
        name=name,
        xpath=one.xpath,
        **kind_of(one.values, text_only if one.is_link else type_of),
        filled=len(one.values) / len(one.texts),
        samples=one.values[:SAMPLES],
        max_length=max(map(len, one.values)),
    )


def _columns_without_text(
    document: Document, records: Sequence[Element], taken: Sequence[str], fields: Sequence[Sequence[str]]
) -> Iterator[LeftOut]:
    """Yield the columns of a table that have icons and no text, and those that are empty."""
    used = set(taken)
    for column, cells in sorted(_columns(records).items()):
        if len(cells) < SHARED * len(records) or any(map(document.text_length.get, cells)):
            continue
        path, heading = _path_of(records, cells), heading_of(records[0], column)
        if path is None or not heading:
            continue
        xpath, texts = _attribute(records, path)
        if texts in fields:
            continue
        name = name_of(heading, used)
        used.add(name)
        some = tuple(text for text in texts if text)
        field = Field(
            name=name,
            xpath=xpath,
            type="str",
            filled=len(some) / len(records),
            samples=some[:SAMPLES],
            max_length=max(map(len, some), default=0),
        )
        yield LeftOut(field=field, why=ICON if some else RARE)


def _columns(records: Sequence[Element]) -> dict[int, dict[Element, Element]]:
    """Return the cells of each column, by their records."""
    columns: dict[int, dict[Element, Element]] = {}
    for record in records:
        if record.tag == "tr":
            found = enumerate(child for child in children(record) if child.tag in CELLS)
        else:
            cells = (one for one in record.iterdescendants("*") if aria_grid.is_cell(one))
            found = ((aria_grid.column_of(cell), cell) for cell in cells)  # type: ignore[assignment]
        for column, cell in found:
            columns.setdefault(column, {})[cell] = record
    return columns


def _path_of(records: Sequence[Element], cells: dict[Element, Element]) -> str | None:
    """Return an XPath that finds each of the cells from its record."""
    first, record = next(iter(cells.items()))
    between = [first, *first.iterancestors()]
    way = []
    for one in reversed(between[: between.index(record)]):
        role = one.get("role") if aria_grid.is_cell(one) else ""
        number = (
            aria_grid.column_of(one) if role else sum(1 for _ in one.itersiblings(*CELLS, preceding=True))
        )
        way.append(Step(one.tag, (), "", NO_MARK, "", number if one is first else 0, role or ""))
    for path in element_paths(Place(tuple(way), "text"), record):
        if all(evaluate(above, path)[:1] == [cell] for cell, above in cells.items()):
            return path
    return None


def _attribute(records: Sequence[Element], path: str) -> tuple[str, list[str]]:
    """Return the XPath of the attribute that tells the icons of a column from each other, and its values.

    Of an empty column it is the XPath of its text.
    """
    best = f"normalize-space({path})", ["" for _ in records]
    for name in ICON_ATTRIBUTES:
        xpath = f"{path}//*{PICTURES if name == 'class' else ''}/@{name}"
        texts = [value_of(record, xpath) for record in records]
        if name == "class" and not all(any(map(is_stable, text.split())) for text in texts if text):
            continue
        if len({*texts} - {""}) > len({*best[1]} - {""}):
            best = xpath, texts
    return best
