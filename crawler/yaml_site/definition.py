"""What a YAML file says about a site: its pages, its table and the fields of a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Boolean, Column, Date, Integer

from crawler.suggestion.python_text import NEVER
from crawler.yaml_site.members import (
    DETAIL,
    FIELD,
    INFO,
    JOINED_SOURCES,
    LIST,
    NAME,
    SITE,
    SOURCES,
    Values,
    check_name,
    is_xpath,
    read_selector,
)
from crawler.yaml_site.nodes import Node, SiteFileError
from models.column_hints import hint_error
from models.types import ExactNumeric, ExactString, LongText, UtcDateTime

KEY_LENGTH, LONGEST_KEY = 300, 700  # characters of a text in a key
DIGITS, SCALE = 12, 2  # of a decimal number


@dataclass(frozen=True, kw_only=True)
class FieldDefinition:
    """A field of a row: where its value is, and the type of its column."""

    name: str
    source: str  # one of SOURCES
    query: Any  # a selector, a path in JSON-LD, or the constant
    join: str | None = None  # between the texts of all matches; None: the first match with a text counts
    type: str = "text"  # one of TYPES
    length: int | None = None  # of a text; None: any length
    digits: int = DIGITS
    scale: int = SCALE
    required: bool = False
    info: Mapping[str, Any] = field(default_factory=dict)  # the hints of its column

    @property
    def column_type(self) -> Any:
        """The SQLAlchemy type of its column."""
        if self.type in ("text", "url"):
            return ExactString(self.length) if self.length is not None else LongText()
        if self.type == "decimal":
            return ExactNumeric(self.digits, self.scale)
        return {"int": Integer, "date": Date, "datetime": UtcDateTime, "bool": Boolean}[self.type]()


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
    wait_timeout: float | None = None  # seconds; None: that of SiteSpider
    follow: str | None = None
    next_page: str | None = None
    next_button: str | None = None
    detail_wait_for: str | None = None
    detail_wait_timeout: float | None = None
    detail_fields: tuple[FieldDefinition, ...] = ()
    schedule: str | None = None
    rendering: str | None = None
    scroll: bool = False  # the list has more records when it is scrolled

    @property
    def fields(self) -> tuple[FieldDefinition, ...]:
        return (*self.list_fields, *self.detail_fields)

    @property
    def needs_renderer(self) -> bool:
        """Return whether a page of the site may be rendered."""
        return self.rendering != NEVER or self.scroll or self.next_button is not None


def read_definition(file: Path) -> SiteDefinition:
    """Return the definition of a YAML file. The names that it may have are in ``members.py``.

    Raises:
        SiteFileError: the file has a fault.
        OSError: it cannot be read.
    """
    site = Values(Node.of_file(file), SITE)
    listed = Values(site.nodes["list"], LIST)
    detail = Values(site.nodes["detail"], DETAIL) if "detail" in site else None
    if ("follow" in listed) != (detail is not None):
        node = listed.nodes.get("follow") or site.nodes["detail"]
        raise node.error("'list.follow' and 'detail' belong together")
    for other in ("next", "scroll"):
        if "next_button" in listed and listed.get(other):
            raise listed.nodes["next_button"].error(f"'next_button' and '{other}' exclude each other")
    if detail is not None and "wait_timeout" in detail and "wait_for" not in detail:
        raise detail.nodes["wait_timeout"].error("'wait_timeout' needs 'wait_for'")
    key = site.get("key")
    list_fields = _fields(listed, key, is_list=True)
    detail_fields = _fields(detail, key, is_list=False) if detail is not None else ()
    names = [one.name for one in (*list_fields, *detail_fields)]
    for name, node in zip(key, site.nodes["key"].items(), strict=True):
        if name not in names:
            raise node.error(f"there is no field {name!r}; there are {', '.join(names) or 'none'}")
    if twice := sorted(name for name in set(names) if names.count(name) > 1):
        raise site.nodes["detail"].error(f"the list has a field {twice[0]!r} too: choose another name")
    record = listed.get("record")
    name = site.get("site") if "site" in site else _file_name(file, site.node)
    return SiteDefinition(
        file=file,
        name=name,
        start=site.get("start"),
        table=site.get("table", name),
        key=key,
        record=record,
        wait_for=listed.get("wait_for", str(record)),
        wait_timeout=listed.get("wait_timeout"),
        list_fields=list_fields,
        follow=listed.get("follow"),
        next_page=listed.get("next"),
        next_button=listed.get("next_button"),
        detail_wait_for=detail.get("wait_for") if detail is not None else None,
        detail_wait_timeout=detail.get("wait_timeout") if detail is not None else None,
        detail_fields=detail_fields,
        schedule=site.get("schedule"),
        rendering=site.get("rendering"),
        scroll=listed.get("scroll", False),
    )


def _fields(values: Values, key: tuple[str, ...], *, is_list: bool) -> tuple[FieldDefinition, ...]:
    if "fields" not in values:
        return ()
    members = values.nodes["fields"].members()
    return tuple(_field(name, one, key, is_list=is_list) for name, one in members.items())


def _field(name: str, node: Node, key: tuple[str, ...], *, is_list: bool) -> FieldDefinition:
    check_name(name, node)
    if not node.is_mapping:
        query = read_selector(node)
        is_key = name in key
        length = KEY_LENGTH if is_key else None
        source = "xpath" if is_xpath(query) else "css"
        return FieldDefinition(name=name, source=source, query=query, length=length, required=is_key)
    for hint, one in node.members().items():
        if hint in INFO and hint not in FIELD:
            raise one.error(f"{hint!r} belongs to info: write info: {{{hint}: ...}} in the field")
    values = Values(node, FIELD)
    sources = [source for source in SOURCES if source in values]
    if len(sources) != 1:
        raise node.error(f"write one of {', '.join(SOURCES)}")
    source = sources[0]
    if source == "jsonld" and is_list:
        raise values.nodes[source].error("JSON-LD belongs to a whole page: put the field into detail")
    if "join" in values and source not in JOINED_SOURCES:
        raise values.nodes["join"].error(f"'join' belongs to {' or '.join(JOINED_SOURCES)}")
    is_key = name in key
    length = values.get("length", KEY_LENGTH if is_key else None)
    if is_key and length is not None and length > LONGEST_KEY:
        raise values.nodes["length"].error(f"a key has at most {LONGEST_KEY} characters")
    read = FieldDefinition(
        name=name,
        source=source,
        query=values.get(source),
        join=values.get("join"),
        type=values.get("type", "text"),
        length=length,
        digits=values.get("digits", DIGITS),
        scale=values.get("scale", SCALE),
        required=values.get("required", False) or is_key,
    )
    return replace(read, info=_info(values.nodes["info"], read)) if "info" in values else read


def _info(node: Node, of: FieldDefinition) -> dict[str, Any]:
    """Return the hints of a field. Its column may have each of them."""
    values = Values(node, INFO)
    info = {name: values.get(name) for name in values.nodes}
    for name, value in info.items():
        if fault := hint_error(Column(of.name, of.column_type, info={name: value})):
            raise values.nodes[name].error(fault)
    return info


def _file_name(file: Path, root: Node) -> str:
    if not NAME.fullmatch(file.stem):
        raise root.error(f"the file's name {file.stem!r} cannot be that of a spider: write one as 'site'")
    return file.stem


__all__ = ["FieldDefinition", "SiteDefinition", "SiteFileError", "is_xpath", "read_definition"]
