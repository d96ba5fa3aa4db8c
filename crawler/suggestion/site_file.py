"""The module of a new site: a model and a spider, as Python text."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Sequence

from crawler.suggestion.python_text import LINE, around, literal
from crawler.suggestion.suggestion import Field, Suggestion
from models.base import BOOKKEEPING, RESERVED

PACKAGE = "splashdown"  # that the text imports from

NAME = re.compile(r"[a-z][a-z0-9_]{0,49}")
LENGTHS = (255, 500, 1000)  # of columns for text; longer ones are LongText
KEY_LENGTHS = (50, 100, 200, 300, 500)
ROOM = 2  # times the longest text of the first page
LONGEST_KEY = 700  # characters of a text in a natural key: MySQL's indexes have at most 3072 bytes
PYTHON_TYPES = {
    "str": "str",
    "int": "int",
    "Decimal": "Decimal",
    "date": "date",
    "datetime": "datetime",
    "bool": "bool",
}
LINKS = ("@href", "@src", "@data-src")


def site_file(suggestion: Suggestion, name: str, url: str) -> str:
    """Return the text of a module with a model and a SiteSpider for the suggested records.

    Args:
        name: of the spider and its table: small letters, digits and "_".
        url: of the list page.

    Raises:
        ValueError: the name or a field's name cannot be that of a table or column, or the suggestion has no key.
    """
    _check(suggestion, name)
    model, spider = f"{_class_name(name)}Row", f"{_class_name(name)}Spider"
    if spider == "SiteSpider":  # the name of its base class
        spider = "SiteListSpider"
    columns = [_column(field, suggestion.key, len(url)) for field in suggestion.fields]
    lines = [
        f'"""The site {name}: its table and its spider."""',
        "",
        "from __future__ import annotations",
        "",
        *_imports(suggestion, "\n".join(columns)),
        "",
        *around("START = ", url, "", 0),
        *around("RECORD = ", suggestion.record, "", 0),
        "",
        "",
        f"class {model}(Row):",
        f'    __tablename__ = "{name}"',
        "",
        *(f"    {column}" for column in columns),
        "",
        "",
        f"class {spider}(SiteSpider):",
        f'    name = "{name}"',
        f"    model = {model}",
        "",
        "    async def start(self) -> AsyncIterator[Any]:",
        "        yield self.render(START, self.parse, wait_for=RECORD)",
        "",
        "    def parse(self, response: Response) -> Iterator[Any]:",
        "        for record in response.xpath(RECORD):",
        *_item(suggestion.fields),
        *_following(suggestion.next_page),
    ]
    return "\n".join(lines) + "\n"


def _check(suggestion: Suggestion, name: str) -> None:
    names = [field.name for field in suggestion.fields]
    if not suggestion.key or not set(suggestion.key) <= set(names):
        raise ValueError("the records have no natural key: choose the fields that identify one")
    for one in (name, *names):
        if not NAME.fullmatch(one) or keyword.iskeyword(one) or one in RESERVED or one in BOOKKEEPING:
            raise ValueError(
                f"{one!r} cannot be the name of a table or column: small letters, digits and _ can"
            )
    if (
        len(names) != len(set(names))
        or not {field.type for field in suggestion.fields} <= PYTHON_TYPES.keys()
    ):
        raise ValueError("two fields have the same name, or a field has a type that no column has")


def _class_name(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _column(field: Field, key: Sequence[str], url_length: int) -> str:
    """Return the line of a column.

    Args:
        url_length: the characters of the page's URL, which a relative link gets before it.
    """
    is_key = field.name in key
    hint = PYTHON_TYPES[field.type] + ("" if is_key or field.filled == 1.0 else " | None")
    longest = field.max_length + (url_length if field.xpath.endswith(LINKS) else 0)
    column_type = _text_type(longest, is_key) if field.type == "str" else _other_type(field)
    arguments = [column_type] if column_type else []
    if is_key:
        arguments.append("primary_key=True")
    if is_key and field.type == "int" and len(key) == 1:
        arguments.append("autoincrement=False")
    return f"{field.name}: Mapped[{hint}]" + (
        f" = mapped_column({', '.join(arguments)})" if arguments else ""
    )


def _text_type(longest: int, is_key: bool) -> str:
    """Return the type of a column for text of up to ``longest`` characters, with room for longer ones."""
    if is_key:
        return f"ExactString({key_length(longest)})"
    length = next((length for length in LENGTHS if length >= ROOM * longest), None)
    return f"ExactString({length})" if length is not None else "LongText()"


def key_length(longest: int) -> int:
    """Return the length of a key's column for texts of up to ``longest`` characters, with room for longer ones."""
    return next((length for length in KEY_LENGTHS if length >= ROOM * longest), LONGEST_KEY)


def _other_type(field: Field) -> str:
    """Return the column's type as text, or "" if SQLAlchemy knows it from the hint."""
    if field.type == "Decimal":
        scale = max([2, *(_decimals(sample) for sample in field.samples)])
        return f"ExactNumeric({min(max(12, field.max_length + 2, scale + 10), 38)}, {scale})"
    if field.type == "datetime":
        return "UtcDateTime"
    return "BigInteger" if field.type == "int" and field.max_length > 8 else ""


def _decimals(text: str) -> int:
    """Return the digits after the last mark of a number, at most 12."""
    found = re.search(r"[.,](\d{1,12})\D*$", text)
    return len(found[1]) if found else 0


def _imports(suggestion: Suggestion, columns: str) -> Iterator[str]:
    kinds = {field.type for field in suggestion.fields}
    yield "from collections.abc import AsyncIterator, Iterator"
    if dates := sorted(kinds & {"date", "datetime"}):
        yield f"from datetime import {', '.join(dates)}"
    if "Decimal" in kinds:
        yield "from decimal import Decimal"
    yield "from typing import Any"
    yield ""
    yield "from scrapy.http import Response"
    if "BigInteger" in columns:
        yield "from sqlalchemy import BigInteger"
    yield "from sqlalchemy.orm import Mapped, mapped_column"
    yield ""
    types = [name for name in ("ExactNumeric", "ExactString", "LongText", "UtcDateTime") if name in columns]
    yield f"from {PACKAGE} import {', '.join(sorted([*types, 'Row', 'SiteSpider']))}"


def _item(fields: Sequence[Field]) -> Iterator[str]:
    """Yield the lines that yield an item; links become absolute URLs."""
    links = [field.name for field in fields if field.xpath.endswith(LINKS)]
    yield "            item = {" if links else "            yield {"
    for field in fields:
        yield from around(f'"{field.name}": record.xpath(', field.xpath, ").get(),", 16)
    yield "            }"
    if not links:
        return
    one_line = f"            for name in ({', '.join(map(literal, links))}{',' if len(links) == 1 else ''}):"
    if len(one_line) <= LINE:
        yield one_line
    else:
        yield "            for name in ("
        yield from (f"                {literal(link)}," for link in links)
        yield "            ):"
    yield "                if link := item[name]:"
    yield "                    item[name] = response.urljoin(link)"
    yield "            yield item"


def _following(next_page: str | None) -> Iterator[str]:
    if next_page is None:
        return
    yield from around("href = response.xpath(", next_page, ").get()", 8)
    yield "        if href:"
    yield "            yield self.render(response.urljoin(href), self.parse, wait_for=RECORD)"
