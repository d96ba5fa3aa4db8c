"""The score of a group: how likely its elements are the records that a user wants."""

from __future__ import annotations

from collections.abc import Sequence
from math import log2

from crawler.suggestion.aria_grid import is_row
from crawler.suggestion.document import Document
from crawler.suggestion.groups import Group
from crawler.suggestion.places import SAMPLE
from crawler.suggestion.selection import Candidate
from crawler.suggestion.stable_name import is_utility

WEIGHTS = {
    "text": 1.0,
    "own": 1.0,
    "after": 1.0,
    "@href": 0.7,
    "@src": 0.5,
    "@datetime": 1.0,
    "@content": 0.8,
}
MOST_WEIGHT = 8.0
MOST_ROWS = 100


def score(document: Document, group: Group, found: Sequence[Candidate], rows: int, repeated: float) -> float:
    """Return the score of a group: more for many records, many fields of various values, and much of the page's text.

    Args:
        repeated: the share of the records' text that is in repeated places.
    """
    weight = min(sum(_weight(one) for one in found), MOST_WEIGHT)
    share = min(group.text_length / max(document.text_length.get(document.body, 0), 1), 1.0)
    number = log2(1 + min(rows, MOST_ROWS))
    filled = sum(len(one.values) for one in found) / (len(found) * min(rows, SAMPLE))
    factor = group.penalty * filled**2 * (1 - 0.8 * repeated)
    if group.tag == "article" or (group.class_name and not is_utility(group.class_name)):
        factor *= 1.1
    if is_row(group.elements[0]):
        factor *= 1.15
    if group.scattered:
        factor *= 0.95
    if not any(one.is_link for one in found):
        factor *= 0.7
    if rows < 3:
        factor *= 0.5
    return float(factor * weight**0.8 * number * (0.1 + share))


def _weight(one: Candidate) -> float:
    variety = len(set(one.values)) / len(one.values)
    end = one.place.end
    named = end is not None and bool(end.itemprop)
    return (
        (1.0 if one.is_text else WEIGHTS.get(one.place.kind, 0.2))
        * (0.4 + 0.6 * variety)
        * (1.5 if named else 1.0)
    )
