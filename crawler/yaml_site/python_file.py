"""A YAML site as the text of a Python file with the same table and the same rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from crawler.suggestion.python_text import NO_RENDERER, Nested, around, literal, wrapped
from crawler.yaml_site.definition import FieldDefinition, SiteDefinition, is_xpath

PACKAGE = "splashdown"  # that the text imports from
HINTS = {"text": "str", "url": "str", "int": "int", "decimal": "Decimal", "bool": "bool"}


def python_file(site: SiteDefinition) -> str:
    """Return the text of a module with the model and the spider of a site."""
    base = "".join(part.capitalize() for part in site.name.split("_"))
    body = [*_model(site, f"{base}Row"), "", "", *_spider(site, f"{base}Spider", f"{base}Row")]
    return "\n".join([*_head(site, "\n".join(body)), "", "", *body]) + "\n"


def _head(site: SiteDefinition, body: str) -> Iterator[str]:
    yield f'"""The site {site.name}: its table and its spider."""'
    yield ""
    yield "from __future__ import annotations"
    yield ""
    yield "from collections.abc import AsyncIterator, Iterator"
    if dates := sorted({one.type for one in site.fields} & {"date", "datetime"}):
        yield f"from datetime import {', '.join(dates)}"
    if "Decimal" in body:
        yield "from decimal import Decimal"
    yield "from typing import Any"
    yield ""
    yield "from scrapy.http import Response"
    yield "from sqlalchemy.orm import Mapped, mapped_column"
    yield ""
    names = ("ExactNumeric", "ExactString", "LongText", "UtcDateTime", "jsonld_value", "text_of", "url_of")
    yield f"from {PACKAGE} import {', '.join(sorted(['Row', 'SiteSpider', *(n for n in names if n in body)]))}"
    yield ""
    yield from around("RECORD = ", site.record, "", 0)
    if site.wait_for != site.record:
        yield from around("WAIT_FOR = ", site.wait_for, "", 0)
    if site.next_button is not None:
        yield from around("NEXT_BUTTON = ", site.next_button, "", 0)
    if site.detail_wait_for is not None:
        yield from around("DETAIL = ", site.detail_wait_for, "", 0)


def _model(site: SiteDefinition, name: str) -> Iterator[str]:
    yield f"class {name}(Row):"
    yield f"    __tablename__ = {literal(site.table)}"
    yield ""
    for one in site.fields:
        is_key = one.name in site.key
        hint = HINTS.get(one.type, one.type) + ("" if one.required else " | None")
        arguments: list[str | Nested] = [column] if (column := _column(one)) else []
        if is_key:
            arguments.append("primary_key=True")
        if is_key and one.type == "int":
            arguments.append("autoincrement=False")
        if one.info:
            arguments.append(_info(one.info))
        before = f"{one.name}: Mapped[{hint}]"
        yield from (
            wrapped(f"{before} = mapped_column(", arguments, ")", 4) if arguments else [f"    {before}"]
        )


def _info(info: Mapping[str, Any]) -> Nested:
    """Return the argument with the hints of a column."""
    return Nested("info={", [_entry(f"{literal(name)}: ", value) for name, value in info.items()], "}")


def _entry(before: str, value: Any) -> str | Nested:
    """Return ``before`` and a value of YAML as Python text."""
    if isinstance(value, Mapping):
        return Nested(f"{before}{{", [_entry(f"{literal(one)}: ", value[one]) for one in value], "}")
    if isinstance(value, list):
        return Nested(f"{before}[", [_entry("", one) for one in value], "]")
    return before + (literal(value) if isinstance(value, str) else repr(value))


def _column(field: FieldDefinition) -> str:
    """Return the column's type, or "" if SQLAlchemy knows it from the hint."""
    if field.type in ("text", "url"):
        return f"ExactString({field.length})" if field.length is not None else "LongText()"
    if field.type == "decimal":
        return f"ExactNumeric({field.digits}, {field.scale})"
    return "UtcDateTime" if field.type == "datetime" else ""


def _spider(site: SiteDefinition, name: str, model: str) -> Iterator[str]:
    yield f"class {name}(SiteSpider):"
    yield f"    name = {literal(site.name)}"
    yield f"    model = {model}"
    for setting in ("schedule", "rendering"):
        if value := getattr(site, setting):
            yield f"    {setting} = {literal(value)}"
    if not site.needs_renderer:
        yield f"    {NO_RENDERER}"
    yield ""
    yield "    async def start(self) -> AsyncIterator[Any]:"
    for url in site.start:
        yield from around("url = ", url, "", 8)
        yield from _request(site, "url", 8)
    yield ""
    yield "    def parse(self, response: Response) -> Iterator[Any]:"
    yield f"        for record in response.{_method(site.record)}(RECORD):"
    yield "            item = {"
    for one in site.list_fields:
        yield from _field(one, "record", 16)
    yield "            }"
    if site.follow is None:
        yield "            yield item"
    else:
        yield from around(f"href = text_of(record.{_method(site.follow)}(", site.follow, "))", 12)
        yield "            if href:"
        arguments = ["url", "self.parse_detail"]
        if site.detail_wait_for is not None:
            arguments.append("wait_for=DETAIL")
        arguments += [*_timeout(site.detail_wait_timeout), 'cb_kwargs={"item": item}']
        yield "                url = response.urljoin(href)"
        yield from wrapped("yield self.render(", arguments, ")", 16)
    if site.next_page is not None:
        yield from around(f"href = text_of(response.{_method(site.next_page)}(", site.next_page, "))", 8)
        yield "        if href:"
        yield from _request(site, "response.urljoin(href)", 12)
    if site.follow is not None:
        yield ""
        yield "    def parse_detail(self, response: Response, item: dict[str, Any]) -> Iterator[Any]:"
        yield "        yield item | {"
        for one in site.detail_fields:
            yield from _field(one, "response", 12)
        yield "        }"


def _request(site: SiteDefinition, url: str, indent: int) -> list[str]:
    """Return the lines that yield the request for a page of the list."""
    method, more = "render", []
    if site.next_button is not None:
        method, more = "render_pages", ["next_button=NEXT_BUTTON"]
    elif site.scroll:
        method, more = "render_scrolled", ["items=RECORD"]
    wait_for = "WAIT_FOR" if site.wait_for != site.record else "RECORD"
    arguments = [url, "self.parse", *more, f"wait_for={wait_for}", *_timeout(site.wait_timeout)]
    return wrapped(f"yield self.{method}(", arguments, ")", indent)


def _timeout(seconds: float | None) -> list[str]:
    return [] if seconds is None else [f"timeout={seconds!r}"]


def _field(field: FieldDefinition, where: str, indent: int) -> Iterator[str]:
    before = f"{literal(field.name)}: "
    if field.source == "constant":
        value = literal(field.query) if isinstance(field.query, str) else repr(field.query)
        yield f"{' ' * indent}{before}{value},"
    elif field.source == "jsonld":
        yield from around(f"{before}jsonld_value(response, ", field.query, "),", indent)
    else:
        method = field.source  # xpath or css
        is_url = field.type == "url"
        function, after = ("url_of", "), response),") if is_url else ("text_of", ")),")
        if field.join is None:
            yield from around(f"{before}{function}({where}.{method}(", field.query, after, indent)
            return
        found = Nested(f"{where}.{method}(", field.query, ")")
        arguments: list[str | Nested] = [
            found,
            *(["response"] if is_url else []),
            f"join={literal(field.join)}",
        ]
        yield from wrapped(f"{before}{function}(", arguments, "),", indent)


def _method(query: str) -> str:
    return "xpath" if is_xpath(query) else "css"
