"""The names that a YAML site may have, and what may be their values: for reading a file, and for its JSON Schema."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

from cssselect import SelectorError
from parsel import Selector

from crawler.page_selector import IS_XPATH, fault_of
from crawler.yaml_site.nodes import Node, PlacedText
from models.base import BOOKKEEPING, RESERVED
from models.column_hints import HINTS

NAME = re.compile(r"[a-z][a-z0-9_]{0,49}")
TYPES = ("text", "url", "int", "decimal", "date", "datetime", "bool")
SOURCES = ("xpath", "css", "jsonld", "constant")
JOINED_SOURCES = ("xpath", "css")  # that may match several elements
RENDERING = ("always", "auto", "never")
RESERVED_NAMES = frozenset((*RESERVED, *BOOKKEEPING))

Schema = Mapping[str, Any]
Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True)
class Kind(Generic[Value]):
    """A kind of value: its JSON Schema, and the function that reads it and raises SiteFileError for any other value."""

    schema: Schema
    read: Callable[[Node], Value]


@dataclass(frozen=True, kw_only=True)
class Member:
    """A name of a mapping, with the kind of its value; None for a mapping whose members are read one by one."""

    kind: Kind[Any] | None = None
    text: str  # what it is, in one phrase
    is_required: bool = False


Members = Mapping[str, Member]


class Values:
    """The values of a mapping of the file, each read when it is asked for."""

    def __init__(self, node: Node, members: Members) -> None:
        """Check the names.

        Raises:
            SiteFileError: a name is unknown, twice there or missing.
        """
        self.node, self._members = node, members
        self.nodes = node.members(members)
        for name, member in members.items():
            if member.is_required and name not in self.nodes:
                raise node.error(f"{name!r} is missing, {member.text}")

    def __contains__(self, name: str) -> bool:
        return name in self.nodes

    def get(self, name: str, default: Any = None) -> Any:
        """Return a value, or the default if the file does not have it.

        Raises:
            SiteFileError: it is of another kind.
        """
        kind = self._members[name].kind
        assert kind is not None
        return kind.read(self.nodes[name]) if name in self.nodes else default


_AXES = (
    "ancestor|ancestor-or-self|attribute|child|descendant|descendant-or-self|following|following-sibling|namespace|"
    "parent|preceding|preceding-sibling|self"
)
_XPATH = re.compile(rf"/|\.\.?(?:/|\s|$)|\(|@|(?:(?:re|set):)?[a-z-]+\(|(?:{_AXES})::")


def is_xpath(text: str) -> bool:
    """Return whether a selector is an XPath and no CSS selector, for each selector that does not name its kind.

    It is an XPath if it begins with ``/``, ``./``, ``../``, ``(``, ``@``, an axis such as ``child::``, or the call of a
    function, or if it is ``.`` or ``..``. So ``.price`` is a CSS selector.
    """
    return _XPATH.match(text) is not None


def check_name(name: str, node: Node) -> None:
    """Raise SiteFileError if a text cannot be the name of a table or a column."""
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        raise node.error(f"{name!r} is no name: use small letters, digits and _")
    if name in RESERVED_NAMES:
        raise node.error(f"{name!r} is a name that every row has: choose another one")


def read_selector(node: Node, *, is_css: bool | None = None) -> PlacedText:
    """Return an XPath or a CSS selector; by default its beginning tells which of them it is."""
    text = node.text().strip()
    css = is_css if is_css is not None else not is_xpath(text)
    page = Selector("<html></html>")
    try:
        (page.css if css else page.xpath)(text)
    except (SelectorError, ValueError) as error:
        kind = "CSS selector" if css else "XPath"
        why = str(error).removeprefix("XPath error: ").removesuffix(f" in {text}")
        hint = " (an XPath begins with /, ./, ( or @)" if is_css is None and css else ""
        raise node.error(f"{text!r} is no {kind}: {why}{hint}") from None
    return node.placed(text)


def _record(node: Node) -> PlacedText:
    """Return a selector that renderers read, too: for them an XPath begins with ``/``, ``./`` or ``(``."""
    text = read_selector(node)
    if is_xpath(text):
        return text if text.startswith(IS_XPATH) else node.placed(f"({text})")
    if fault := fault_of(text):  # such as li::text
        raise node.error(f"{text!r} is no CSS selector of an element: {fault}")
    return text


def _name(node: Node) -> str:
    text = node.text()
    check_name(text, node)
    return text


def _url(node: Node) -> str:
    text = node.text().strip()
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise node.error(f"{text!r} is no URL: write https://...")
    return text


def _several(read: Callable[[Node], str]) -> Callable[[Node], tuple[str, ...]]:
    return lambda node: tuple(read(one) for one in node.items())


def _one_of(values: tuple[str, ...]) -> Kind[str]:
    def read(node: Node) -> str:
        text = node.text()
        if text not in values:
            raise node.error(f"there is no {text!r} here; there are {', '.join(values)}")
        return text

    return Kind(schema={"enum": list(values)}, read=read)


def _one_or_several(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "array", "items": schema, "minItems": 1}]}


_TEXT: Schema = {"type": "string", "pattern": r"\S"}
# A name is no word of Python, because a column is an attribute of its model.
_NAME: Schema = {
    "type": "string",
    "pattern": f"^{NAME.pattern}$",
    "not": {"enum": sorted(filter(NAME.fullmatch, {*RESERVED_NAMES, *keyword.kwlist}))},
}
_URL: Schema = {"type": "string", "pattern": r"^\s*[hH][tT][tT][pP][sS]?://[^/?#\s]"}

TEXT = Kind(schema=_TEXT, read=Node.text)
NAME_KIND = Kind(schema=_NAME, read=_name)
FIELD_NAMES = Kind(schema=_one_or_several(_TEXT), read=_several(Node.text))
URLS = Kind(schema=_one_or_several(_URL), read=_several(_url))
SELECTOR = Kind(schema=_TEXT, read=read_selector)
RECORD = Kind(schema=_TEXT, read=_record)
PAGE_SELECTOR = Kind(schema=_TEXT, read=lambda node: str(_record(node)))
XPATH = Kind(schema=_TEXT, read=lambda node: read_selector(node, is_css=False))
CSS = Kind(schema=_TEXT, read=lambda node: read_selector(node, is_css=True))
FLAG = Kind(schema={"type": "boolean"}, read=Node.flag)
ANY_TEXT = Kind(schema={"type": "string"}, read=Node.any_text)
NUMBER = Kind(schema={"type": "integer", "minimum": 1}, read=Node.number)
SECONDS = Kind(schema={"type": "number", "exclusiveMinimum": 0}, read=Node.seconds)
CONSTANT: Kind[Any] = Kind(schema={"type": ["string", "number", "boolean"]}, read=Node.constant)

INFO: Members = {
    name: Member(kind=Kind(schema=hint.schema, read=Node.value), text=hint.values)
    for name, hint in HINTS.items()
}
FIELD: Members = {
    "xpath": Member(kind=XPATH, text="an XPath, in a list relative to the record"),
    "css": Member(kind=CSS, text="a CSS selector, in a list relative to the record"),
    "jsonld": Member(kind=TEXT, text="a path in the JSON-LD of a page with details, such as offers.price"),
    "constant": Member(kind=CONSTANT, text="a value that all rows have"),
    "join": Member(
        kind=ANY_TEXT, text="a text between the texts of all matches; by default the first one counts"
    ),
    "type": Member(kind=_one_of(TYPES), text="the type of the column; by default text"),
    "length": Member(kind=NUMBER, text="the most characters of a text; by default any number, in a key 300"),
    "digits": Member(kind=NUMBER, text="the digits of a decimal number; by default 12"),
    "scale": Member(kind=NUMBER, text="the digits after the point of a decimal number; by default 2"),
    "required": Member(
        kind=FLAG, text="whether an item without a value is rejected; fields of the key always are required"
    ),
    "info": Member(text="how the site writes the values: the hints of docs/values.md"),
}
LIST: Members = {
    "record": Member(kind=RECORD, text="the XPath or CSS selector of one record", is_required=True),
    "wait_for": Member(kind=PAGE_SELECTOR, text="the element that the page must have; by default record"),
    "wait_timeout": Member(kind=SECONDS, text="the seconds until wait_for counts as missing; by default 10"),
    "scroll": Member(kind=FLAG, text="whether the list has more records when it is scrolled"),
    "fields": Member(text="the fields that the list page has"),
    "follow": Member(kind=SELECTOR, text="the link from a record to its own page"),
    "next": Member(kind=SELECTOR, text="the link to the next page of the list"),
    "next_button": Member(kind=PAGE_SELECTOR, text="the button of the next page, if no link leads there"),
}
DETAIL: Members = {
    "wait_for": Member(kind=PAGE_SELECTOR, text="the element that the page of a record must have"),
    "wait_timeout": Member(kind=SECONDS, text="the seconds until wait_for counts as missing; by default 10"),
    "fields": Member(text="the fields that the page of a record has"),
}
SITE: Members = {
    "site": Member(kind=NAME_KIND, text="the name of the spider; by default that of the file"),
    "start": Member(kind=URLS, text="the URL of the list, or a list of URLs", is_required=True),
    "table": Member(kind=NAME_KIND, text="the name of the table; by default that of the spider"),
    "key": Member(
        kind=FIELD_NAMES,
        text="the field, or the fields, that identify a record",
        is_required=True,
    ),
    "schedule": Member(kind=TEXT, text="the times of the crawls: the five fields of cron"),
    "list": Member(text="the list page", is_required=True),
    "detail": Member(text="the page of a record, to which list.follow leads"),
    "rendering": Member(
        kind=_one_of(RENDERING), text="whether pages are rendered; by default as the project says"
    ),
}
