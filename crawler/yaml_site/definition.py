"""What a YAML file says about a site: its pages, its table and the fields of a row."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cssselect import HTMLTranslator, SelectorError
from lxml import etree

from crawler.yaml_site.nodes import Node, SiteFileError
from models.base import BOOKKEEPING, RESERVED

NAME = re.compile(r"[a-z][a-z0-9_]{0,49}")
TYPES = ("text", "url", "int", "decimal", "date", "datetime", "bool")
SOURCES = ("xpath", "css", "jsonld", "constant")
SITE = ("site", "start", "table", "key", "schedule", "list", "detail", "rendering")
LIST = ("record", "wait_for", "fields", "follow", "next")
DETAIL = ("wait_for", "fields")
FIELD = (*SOURCES, "type", "length", "digits", "scale", "required")
RENDERING = ("always", "auto", "never")
KEY_LENGTH, LONGEST_KEY = 300, 700  # characters of a text in a key
DIGITS, SCALE = 12, 2  # of a decimal number


@dataclass(frozen=True, kw_only=True)
class FieldDefinition:
    """A field of a row: where its value is, and the type of its column."""

    name: str
    source: str  # one of SOURCES
    query: Any  # a selector, a path in JSON-LD, or the constant
    type: str = "text"  # one of TYPES
    length: int | None = None  # of a text; None: any length
    digits: int = DIGITS
    scale: int = SCALE
    required: bool = False


@dataclass(frozen=True, kw_only=True)
class SiteDefinition:
    """A site: a list of records on one or more pages, and a page with details for each record if it has ``detail``."""

    file: Path
    name: str
    start: tuple[str, ...]
    table: str
    key: tuple[str, ...]
    record: str
    wait_for: str
    list_fields: tuple[FieldDefinition, ...]
    follow: str | None = None
    next_page: str | None = None
    detail_wait_for: str | None = None
    detail_fields: tuple[FieldDefinition, ...] = ()
    schedule: str | None = None
    rendering: str | None = None

    @property
    def fields(self) -> tuple[FieldDefinition, ...]:
        return (*self.list_fields, *self.detail_fields)


def read_definition(file: Path) -> SiteDefinition:
    """Return the definition of a YAML file.

    Raises:
        SiteFileError: the file has a fault.
        OSError: it cannot be read.
    """
    root = Node.of_file(file)
    site = root.members(SITE)
    for name in ("start", "key", "list"):
        if name not in site:
            raise root.error(f"{name!r} is missing")
    listed = site["list"].members(LIST)
    if "record" not in listed:
        raise site["list"].error("'record' is missing, the XPath or CSS selector of one record")
    detail = site["detail"].members(DETAIL) if "detail" in site else {}
    if ("follow" in listed) != ("detail" in site):
        raise (listed.get("follow") or site["detail"]).error("'list.follow' and 'detail' belong together")
    key = tuple(one.text() for one in site["key"].items())
    list_fields = _fields(listed.get("fields"), key, is_list=True)
    detail_fields = _fields(detail.get("fields"), key, is_list=False)
    names = [one.name for one in (*list_fields, *detail_fields)]
    for one in site["key"].items():
        if one.text() not in names:
            raise one.error(f"there is no field {one.text()!r}; there are {', '.join(names) or 'none'}")
    if twice := sorted(name for name in set(names) if names.count(name) > 1):
        raise site["detail"].error(f"the list has a field {twice[0]!r} too: choose another name")
    record = _selector(listed["record"])
    name = _name(site["site"]) if "site" in site else _file_name(file, root)
    return SiteDefinition(
        file=file,
        name=name,
        start=tuple(_url(one) for one in site["start"].items()),
        table=_name(site["table"]) if "table" in site else name,
        key=key,
        record=record,
        wait_for=_selector(listed["wait_for"]) if "wait_for" in listed else record,
        list_fields=list_fields,
        follow=_selector(listed["follow"]) if "follow" in listed else None,
        next_page=_selector(listed["next"]) if "next" in listed else None,
        detail_wait_for=_selector(detail["wait_for"]) if "wait_for" in detail else None,
        detail_fields=detail_fields,
        schedule=site["schedule"].text() if "schedule" in site else None,
        rendering=_one_of(site["rendering"], RENDERING) if "rendering" in site else None,
    )


def _fields(node: Node | None, key: tuple[str, ...], *, is_list: bool) -> tuple[FieldDefinition, ...]:
    if node is None:
        return ()
    return tuple(_field(name, one, key, is_list=is_list) for name, one in node.members().items())


def _field(name: str, node: Node, key: tuple[str, ...], *, is_list: bool) -> FieldDefinition:
    _check_name(name, node)
    node_of = {"xpath": node} if not node.is_mapping else node.members(FIELD)
    sources = [source for source in SOURCES if source in node_of]
    if len(sources) != 1:
        raise node.error(f"write one of {', '.join(SOURCES)}")
    source = sources[0]
    if source == "jsonld" and is_list:
        raise node_of[source].error("JSON-LD belongs to a whole page: put the field into detail")
    query: Any = node_of[source].constant() if source == "constant" else node_of[source].text()
    if source in ("xpath", "css"):
        query = _selector(node_of[source], is_css=source == "css")
    kind = _one_of(node_of["type"], TYPES) if "type" in node_of else "text"
    is_key = name in key
    default_length = KEY_LENGTH if is_key else None
    length = node_of["length"].number() if "length" in node_of else default_length
    if is_key and length is not None and length > LONGEST_KEY:
        raise node_of["length"].error(f"a key has at most {LONGEST_KEY} characters")
    required = node_of["required"].flag() if "required" in node_of else False
    return FieldDefinition(
        name=name,
        source=source,
        query=query,
        type=kind,
        length=length,
        digits=node_of["digits"].number() if "digits" in node_of else DIGITS,
        scale=node_of["scale"].number() if "scale" in node_of else SCALE,
        required=required or is_key,
    )


def _selector(node: Node, *, is_css: bool | None = None) -> str:
    """Return an XPath or a CSS selector: an XPath begins with ``/``, ``.``, ``(``, ``@`` or has a call."""
    text = node.text().strip()
    css = is_css if is_css is not None else not is_xpath(text)
    try:
        if css:
            HTMLTranslator().css_to_xpath(text.partition("::")[0])
        else:
            etree.XPath(text)
    except (SelectorError, etree.XPathError) as error:
        kind = "CSS selector" if css else "XPath"
        raise node.error(f"{text!r} is no {kind}: {error}") from None
    return text


def is_xpath(text: str) -> bool:
    """Return whether a selector is an XPath: it begins with ``/``, ``.``/, ``(``, ``@`` or the call of a function."""
    return bool(re.match(r"/|\./|\.\./|\.$|\(|@|[a-z-]+\(", text))


def _one_of(node: Node, values: tuple[str, ...]) -> str:
    text = node.text()
    if text not in values:
        raise node.error(f"there is no {text!r} here; there are {', '.join(values)}")
    return text


def _url(node: Node) -> str:
    text = node.text().strip()
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise node.error(f"{text!r} is no URL: write https://...")
    return text


def _name(node: Node) -> str:
    text = node.text()
    _check_name(text, node)
    return text


def _file_name(file: Path, root: Node) -> str:
    if not NAME.fullmatch(file.stem):
        raise root.error(f"the file's name {file.stem!r} cannot be that of a spider: write one as 'site'")
    return file.stem


def _check_name(name: str, node: Node) -> None:
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        raise node.error(f"{name!r} is no name: use small letters, digits and _")
    if name in RESERVED or name in BOOKKEEPING:
        raise node.error(f"{name!r} is a name that every row has: choose another one")


__all__ = ["FieldDefinition", "SiteDefinition", "SiteFileError", "is_xpath", "read_definition"]
