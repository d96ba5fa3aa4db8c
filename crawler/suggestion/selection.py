"""Which places of a record become fields: each value once, and no text that others have the parts of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from crawler.suggestion.document import Element
from crawler.suggestion.field_path import HEADINGS, field_path
from crawler.suggestion.places import BEHIND, SHARED, Place, Step
from crawler.suggestion.relative_time import is_relative_time
from crawler.suggestion.words import words

PROSE = words("em strong b i code span small abbr mark kbd sub sup u")
ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d")
MOST_PLACES = 150  # whose XPaths are looked for
TEXTS = ("text", "own", "after")
# Of two places with the same values the one with the lower number is the field.
RANK = {
    "text": 0,
    "own": 1,
    "@datetime": 2,
    "@content": 2,
    "@href": 2,
    "@src": 2,
    "@id": 5,
    "@title": 6,
    "@alt": 7,
}


@dataclass(frozen=True, eq=False)
class Candidate:
    """A place that may become a field, its XPath, and what that finds in the records of the sample."""

    place: Place
    xpath: str
    texts: tuple[str, ...]  # "" for a record without a value

    @cached_property
    def values(self) -> tuple[str, ...]:
        """Return the values of the records that have one."""
        return tuple(text for text in self.texts if text)

    @cached_property
    def is_relative_time(self) -> bool:
        """Return whether the next crawl reads other texts from the same page."""
        return self.is_text and is_relative_time(self.values)

    @property
    def is_glued(self) -> bool:
        """Return whether the texts are those of several elements with nothing between them: "Anonymousv1.0.0"."""
        return self.place.kind == "text" and self.place.glued >= SHARED * len(self.place.values)

    @property
    def is_text(self) -> bool:
        return self.place.kind in TEXTS or self.place.kind.startswith("line:")

    @property
    def is_link(self) -> bool:
        return self.place.kind == "@href"

    @cached_property
    def link_weight(self) -> float:
        """Return how much a link is the main link of its record: variety and length of its texts, headings first."""
        texts = [text for text in self.place.links if text]
        if len(set(texts)) < 2:
            return 0.1 if not texts else 0.0
        weight = len(set(texts)) / len(self.place.links) * min(sum(map(len, texts)) / len(texts), 40)
        if sum("://" in text for text in texts) > len(texts) / 2:
            weight /= 20  # an address tells little
        if self.place.way and self.place.way[0].tag.startswith(BEHIND):
            weight /= 2
        in_heading = any(step.tag in HEADINGS for step in self.place.way)
        return weight * len(set(self.values)) / len(self.values) * (3 if in_heading else 1)


def select(places: Sequence[Place], records: Sequence[Element]) -> list[Candidate]:
    """Return the places that are fields, in the order of the page."""
    varied = [place for place in places if is_varied(place, len(records))]
    return _without_side_links([one for one in reduced(varied, places, records) if not one.is_glued])


def reduced(wanted: Sequence[Place], places: Sequence[Place], records: Sequence[Element]) -> list[Candidate]:
    """Return those of the places that have an XPath, each value once, without texts that others have the parts of."""
    paths = ((place, field_path(place, records)) for place in wanted[:MOST_PLACES])
    found = [Candidate(place, *path) for place, path in paths if path is not None]
    found = _without_sums(found, {(place.way, place.kind): place for place in places})
    return _without_repeats(_without_lesser_attributes(found))


def is_varied(place: Place, number: int) -> bool:
    """Return whether enough records have a value in the place, and not all the same one."""
    return len(place.values) >= SHARED * number and len(set(place.values.values())) > 1


def _without_sums(found: list[Candidate], places: dict[tuple[object, str], Place]) -> list[Candidate]:
    """Remove of each element's complete text and own text the one whose parts are fields of their own."""
    here = {(one.place.way, one.place.kind): one for one in found}
    ways = sorted({one.place.way for one in found if one.is_text}, key=len)
    removed: set[Candidate] = set()
    for way in reversed(ways):
        text, own = here.get((way, "text")), here.get((way, "own"))
        below = [
            one for one in found
            if one.is_text and one not in removed and len(one.place.way) > len(way) and one.place.way[: len(way)] == way
        ]  # fmt: skip
        if text is None:
            continue
        all_own = places.get((way, "own"))
        parts = sum(text.place.own_parts) / max(len(text.place.own_parts), 1)
        different = _different(text.place, all_own)
        drop: list[Candidate | None]
        if any(one.place.way == way and one.place.kind.startswith("line:") for one in found):
            drop = [text, own]
        elif parts < 0.5:
            drop = [text] if below else []
        elif parts >= 1.6 and not (own is None and below):
            drop = [
                own,
                *(one for one in below if one.place.way[-1].tag in PROSE and not one.place.way[-1].classes),
            ]
        elif own is not None:
            drop = [text] if different >= SHARED else [own]
        else:
            drop = [text] if below else []
        removed.update(one for one in drop if one is not None)
    return [one for one in found if one not in removed]


def _different(text: Place, own: Place | None) -> float:
    """Return the share of records in which an element has more text than its own first part."""
    if own is None or not text.values:
        return 0.0
    differing = sum(1 for number, value in own.values.items() if text.values.get(number) != value)
    return differing / len(text.values)


def _without_lesser_attributes(found: list[Candidate]) -> list[Candidate]:
    """Remove texts of attributes that say less than the page's text, and texts that an attribute says better."""
    by_place = {(one.place.way, one.place.kind): one for one in found}
    return [one for one in found if not _is_said_better(one, by_place)]


def _is_said_better(one: Candidate, by_place: dict[tuple[tuple[Step, ...], str], Candidate]) -> bool:
    way, kind = one.place.way, one.place.kind
    text = by_place.get((way, "text")) or by_place.get((way, "own"))
    title, alt = by_place.get((way, "@title")), by_place.get((way, "@alt"))
    if one.is_text:
        return (way, "@datetime") in by_place or (
            title is not None
            and title.texts != one.texts
            and (_is_cut(one, title) or one.is_relative_time or all(map(ISO_DATE.match, title.values)))
        )
    if kind == "@title" and (way, "@datetime") in by_place:
        return True
    if kind == "@title":
        says_more = text is not None and (
            _is_cut(text, one) or text.is_relative_time or all(map(ISO_DATE.match, one.values))
        )
        return not says_more and (text is not None or (bool(way) and way[-1].tag in ("img", "a")))
    if kind == "@alt":
        return not _is_icon(by_place.get((way, "@src")))
    if kind in ("@src", "@data-src"):
        return alt is not None and _is_icon(one)
    if kind == "@aria-label":
        return text is not None or (bool(way) and way[-1].tag in ("input", "a", "img"))
    return False


def _is_icon(image: Candidate | None) -> bool:
    """Return whether the records share a few images: their alternative texts are the values."""
    return image is not None and len(set(image.values)) <= max(2, len(image.values) // 6)


def _is_cut(text: Candidate, title: Candidate) -> bool:
    """Return whether a text ends with an ellipsis, and the attribute has all of it."""
    cut = [
        (one.rstrip(".… "), other)
        for one, other in zip(text.values, title.values, strict=False)
        if one[-1:] in "….\u2026"
    ]
    return bool(cut) and all(other.startswith(one) for one, other in cut)


def _without_repeats(found: list[Candidate]) -> list[Candidate]:
    """Keep one of the candidates that have the same values in all records."""
    best: dict[tuple[bool, tuple[str, ...]], Candidate] = {}
    for one in found:
        values = one.is_link, one.texts  # a link to "a.csv" is another field than its text
        if values not in best or _preference(one) < _preference(best[values]):
            best[values] = one
    kept = set(best.values())
    return [one for one in found if one in kept]


def _preference(one: Candidate) -> tuple[bool, int, float, bool, int]:
    end = one.place.end
    named = end is not None and bool(end.itemprop)
    return (
        not named,
        RANK.get(one.place.kind, 4),
        -one.link_weight if one.is_link else 0.0,
        not (end is not None and end.classes),
        len(one.xpath),
    )


def _without_side_links(found: list[Candidate]) -> list[Candidate]:
    """Remove links whose text is the same in all records ("Edit") if another link has the record's title."""
    links = [one for one in found if one.is_link]
    if not any(one.link_weight > 1 for one in links):
        return found
    return [one for one in found if not one.is_link or len(set(one.place.links)) > 1]


def repeated_share(places: Sequence[Place]) -> float:
    """Return the share of the records' text that is in repeated places, such as the rows of a table in the record."""
    total = repeated = 0
    for place in places:
        if place.kind not in ("text", "own") or not (sum(place.own_parts) or place.kind == "own"):
            continue
        length = sum(map(len, place.values.values()))
        total += length
        if any(step.position and step.tag not in ("td", "th") for step in place.way):
            repeated += length
    return repeated / total if total else 0.0
