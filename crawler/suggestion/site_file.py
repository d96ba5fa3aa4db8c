"""The module of a new site: a model and a spider, as Python text."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Sequence

from crawler.suggestion.column_text import LINKS, PYTHON_TYPES, column
from crawler.suggestion.left_out_text import left_out_columns, left_out_values
from crawler.suggestion.python_text import LINE, NEVER, NO_RENDERER, around, literal
from crawler.suggestion.suggestion import Field, Suggestion
from models.base import BOOKKEEPING, RESERVED

PACKAGE = "splashdown"  # that the text imports from

NAME = re.compile(r"[a-z][a-z0-9_]{0,49}")


def site_file(
    suggestion: Suggestion,
    name: str,
    url: str,
    wait_for: str | None = None,
    *,
    rendering: str | None = None,
) -> str:
    """Return the text of a module with a model and a SiteSpider for the suggested records.

    What the suggestion left out is in comments, so that a user can take it.

    Args:
        name: of the spider and its table: small letters, digits and "_".
        url: of the list page.
        wait_for: a selector that a page has to have; by default that of the records.
        rendering: always, auto or never; by default as the project says.

    Raises:
        ValueError: the name or a field's name cannot be that of a table or column, or the suggestion has no key.
    """
    _check(suggestion, name)
    model, spider = f"{_class_name(name)}Row", f"{_class_name(name)}Spider"
    if spider == "SiteSpider":  # the name of its base class
        spider = "SiteListSpider"
    columns = [column(field, suggestion.key, len(url)) for field in suggestion.fields]
    imports = list(_imports(suggestion, "\n".join(columns)))
    lines = [
        *(["# ruff: noqa: ERA001"] if suggestion.left_out else []),
        f'"""The site {name}: its table and its spider."""',
        "",
        "from __future__ import annotations",
        "",
        *imports,
        "",
        *around("START = ", url, "", 0),
        *around("RECORD = ", suggestion.record, "", 0),
        *(around("WAIT_FOR = ", wait_for, "", 0) if wait_for is not None else []),
        *(
            around("NEXT_BUTTON = ", suggestion.next_button, "", 0)
            if suggestion.next_button is not None
            else []
        ),
        "",
        "",
        f"class {model}(Row):",
        f'    __tablename__ = "{name}"',
        "",
        *(f"    {column}" for column in columns),
        *left_out_columns(suggestion, len(url), "\n".join(imports)),
        "",
        "",
        f"class {spider}(SiteSpider):",
        f'    name = "{name}"',
        f"    model = {model}",
        *([f"    rendering = {literal(rendering)}"] if rendering is not None else []),
        *(
            [f"    {NO_RENDERER}"]
            if rendering == NEVER and "self.render(" in _request("", suggestion, None)
            else []
        ),
        "",
        "    async def start(self) -> AsyncIterator[Any]:",
        f"        yield {_request('START', suggestion, wait_for)}",
        "",
        "    def parse(self, response: Response) -> Iterator[Any]:",
        "        for record in response.xpath(RECORD):",
        *_item(suggestion.fields, left_out_values(suggestion)),
        *_following(suggestion, wait_for),
    ]
    return "\n".join(lines) + "\n"


def _check(suggestion: Suggestion, name: str) -> None:
    names = [field.name for field in suggestion.fields]
    if not suggestion.key or not set(suggestion.key) <= set(names):
        raise ValueError("the records have no natural key: choose the fields that identify one")
    for one in (name, *names, *(one.field.name for one in suggestion.left_out)):
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


def _item(fields: Sequence[Field], left_out: Sequence[str]) -> Iterator[str]:
    """Yield the lines that yield an item; links become absolute URLs."""
    links = [field.name for field in fields if field.xpath.endswith(LINKS)]
    yield "            item = {" if links else "            yield {"
    for field in fields:
        yield from around(f'"{field.name}": record.xpath(', field.xpath, ").get(),", 16)
    yield from left_out
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


def _following(suggestion: Suggestion, wait_for: str | None) -> Iterator[str]:
    if suggestion.next_page is None:
        return
    yield from around("href = response.xpath(", suggestion.next_page, ").get()", 8)
    yield "        if href:"
    yield f"            yield {_request('response.urljoin(href)', suggestion, wait_for)}"


def _request(url: str, suggestion: Suggestion, wait_for: str | None) -> str:
    """Return the call that requests a page of the list; a windowed list is scrolled, a button clicked."""
    waits = "RECORD" if wait_for is None else "WAIT_FOR"
    if suggestion.next_button is not None:
        return f"self.render_pages({url}, self.parse, next_button=NEXT_BUTTON, wait_for={waits})"
    if suggestion.grid_rows:
        more = "" if wait_for is None else f", wait_for={waits}"
        return f"self.render_scrolled({url}, self.parse, items=RECORD{more})"
    return f"self.render({url}, self.parse, wait_for={waits})"
