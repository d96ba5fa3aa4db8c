"""The names of fields: by itemprop, class, header or label of a value, else by its kind."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Collection, Sequence

from crawler.suggestion.document import Element
from crawler.suggestion.field_path import HEADINGS
from crawler.suggestion.labels import heading_of
from crawler.suggestion.places import WHOLE_TEXTS, Step
from crawler.suggestion.selection import PROSE, Candidate
from crawler.suggestion.stable_name import is_general, is_numbered
from crawler.suggestion.words import words
from models.base import BOOKKEEPING, RESERVED

LONGEST = 30  # characters of a name
CURRENCY = re.compile(r"[$£€¥₹₩₪₱฿₦₽₺₫]|\b(?:EUR|USD|GBP|CHF|JPY|SEK|NOK|DKK|PLN|CZK)\b")
# Names that a module with the model uses for something else.
TAKEN = words("str int bool float bytes list dict set tuple object type super property date datetime model")
OTHER_NAMES = {
    "date": "dated",
    "datetime": "dated_at",
    "key": "key_text",
    "fields": "field_list",
    "item": "item_name",
}
BY_KIND = {
    "@src": "image",
    "@data-src": "image",
    "@datetime": "dated_at",
    "@alt": "image_text",
    "@title": "full_text",
}
SAYS_NOTHING = words("url link links href fn u-url vcard hentry list reference")
WORDS_BEFORE = re.compile(
    r"^(?:field|column|col|cell|views-field|td|th|js|item|product|post|entry|p|u|dt|e|c|t)[-_]+(?=\w{3})"
)


def names(
    found: Sequence[Candidate],
    records: Sequence[Element],
    main: Candidate | None,
    properties: Sequence[str | None],
    used: Collection[str] = (),
) -> list[str]:
    """Return a name for each candidate: a valid identifier of ASCII, unique, and free for a column of a model.

    Args:
        main: the link to the detail page.
        properties: the name that JSON-LD has for the values of each candidate, or None.
        used: names that others have.
    """
    taken = set(used)
    result = []
    for one, known in zip(found, properties, strict=True):
        name = name_of(known or _base_name(one, records[0], main), taken)
        taken.add(name)
        result.append(name)
    return result


def name_of(text: str, taken: Collection[str]) -> str:
    """Return a name for a text: a valid identifier that is not taken, and free for a column of a model."""
    base = _free(_identifier(text) or "text")
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base}_{number}"
    return name


def _base_name(one: Candidate, record: Element, main: Candidate | None) -> str:
    kind, way, end = one.place.kind, one.place.way, one.place.end
    if one.is_link:
        return "url" if one is main else f"{_name_near(way, record) or 'link'}_url"
    if kind.startswith("@data-") and kind != "@data-src":
        return kind.removeprefix("@data-")
    if end is not None and end.itemprop:
        return end.itemprop.rsplit("/", 1)[-1]
    if kind == "@id":
        return "anchor"
    if kind.startswith("line:"):
        return kind.removeprefix("line:")
    if kind == "after":
        return "text"
    near = _name_near(way, record)
    if main is not None and _is_text_of_link(one, main) and any(step.tag in HEADINGS for step in way):
        return "title"
    if kind == "@title" and main is not None and way == main.place.way:
        return "title"
    if kind in BY_KIND:
        return near if kind not in ("@src", "@data-src") and near else BY_KIND[kind]
    if kind == "@value" and end is not None and end.tag == "input":
        return "row_id"
    if main is not None and not near and _is_text_of_link(one, main):
        return "title"
    return near or _name_by_text(one)


def _is_text_of_link(one: Candidate, link: Candidate) -> bool:
    shorter, longer = sorted((one.place.way, link.place.way), key=len)
    if one.place.kind != "text" and not shorter:
        return False  # a text beside the link
    return one.is_text and longer[: len(shorter)] == shorter and bool(shorter or len(longer) < 2)


def _name_near(way: tuple[Step, ...], record: Element) -> str:
    """Return the name of the nearest element with a class, header or label that says what it holds."""
    cell = next((step for step in way if step.is_cell), None)
    if cell is not None and not any(step.itemprop for step in way):
        header = _identifier(heading_of(record, cell.position))
        if header:
            return header
    for step in way[:-4:-1]:
        if step.itemprop:
            return step.itemprop.rsplit("/", 1)[-1]
        if step.mark[1]:
            return step.mark[1]
        for name in (name.rsplit("__", 1)[-1] for name in step.classes):
            if not is_general(name) and not is_numbered(name) and name not in SAYS_NOTHING:
                return name
        if step.label:
            return step.label
    return ""


def _name_by_text(one: Candidate) -> str:
    values = one.values
    end = one.place.end
    if sum(1 for value in values if CURRENCY.search(value)) > len(values) / 2:
        return "price"
    if end is None:
        return "title" if one.place.kind == "text" else "text"
    if end.tag in HEADINGS or end.tag in ("dt", "summary", "strong", "b"):
        return "title"
    if end.tag == "time":
        return "dated"
    if sum(map(len, values)) / len(values) > 60:
        return "description"
    if end.tag == "a":
        return "link_text"
    return "text" if end.tag in WHOLE_TEXTS or end.tag in PROSE else end.tag


def _identifier(text: str) -> str:
    """Return the text as a short name in small letters, or "" if nothing of it can stand in one."""
    text = unicodedata.normalize("NFKD", text[:200]).encode("ascii", "ignore").decode()
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    text = re.sub(r"[^a-zA-Z0-9]+", "_", text).strip("_").lower()
    text = WORDS_BEFORE.sub("", text)
    if len(text) > LONGEST:
        text = text[:LONGEST].rpartition("_")[0] or text[:LONGEST]
    return f"n{text}" if text[:1].isdigit() else text


def _free(name: str) -> str:
    """Return the name, or another one if Python, SQLAlchemy or a column of every row has it."""
    if name in OTHER_NAMES:
        return OTHER_NAMES[name]
    is_word = keyword.iskeyword(name) or keyword.issoftkeyword(name)
    if is_word or name in TAKEN or name in RESERVED or name in BOOKKEEPING:
        return f"{name}_value"
    return name
