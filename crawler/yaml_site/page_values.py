"""Reads the fields of a YAML file from a page: by XPath, by CSS selector, from JSON-LD, or a constant."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from lxml import etree
from parsel import Selector
from scrapy.http import TextResponse

from crawler.yaml_site.definition import FieldDefinition, is_xpath


def item_of(fields: Iterable[FieldDefinition], selector: Selector, response: TextResponse) -> dict[str, Any]:
    """Return the values of the fields; None for a field that is not there.

    Args:
        selector: the record, or the whole page.
    """
    return {field.name: _value(field, selector, response) for field in fields}


def _value(field: FieldDefinition, selector: Selector, response: TextResponse) -> Any:
    if field.source == "constant":
        return field.query
    if field.source == "jsonld":
        return jsonld_value(response, field.query)
    found = select(selector, field.query, is_css=field.source == "css")
    if field.type == "url":
        return url_of(found, response, join=field.join)
    return text_of(found, join=field.join)


def select(selector: Any, query: str, *, is_css: bool | None = None) -> Any:
    """Return the selectors that an XPath or a CSS selector finds."""
    css = is_css if is_css is not None else not is_xpath(query)
    return selector.css(query) if css else selector.xpath(query)


def text_of(found: Any, *, join: str | None = None) -> str | None:
    """Return the text of the first result that has one: of an element without tags, with single spaces.

    Args:
        join: return the texts of all results that have one, with this text between them.
    """
    return _joined(_texts(found), join)


def url_of(found: Any, response: TextResponse, *, join: str | None = None) -> str | None:
    """Return the first text as an absolute URL.

    Args:
        join: return the URLs of all results that have a text, with this text between them.
    """
    return _joined(map(response.urljoin, _texts(found)), join)


def _texts(found: Any) -> Iterator[str]:
    for one in found:
        root = one.root
        text = root if isinstance(root, str) else _element_text(root)
        if text.strip():
            yield " ".join(text.split())


def _joined(texts: Iterator[str], join: str | None) -> str | None:
    return next(texts, None) if join is None else join.join(texts) or None


def _element_text(root: Any) -> str:
    return "".join(root.itertext()) if isinstance(root, etree._Element) else str(root)


def jsonld_value(response: TextResponse, path: str) -> Any:
    """Return the value at a path such as ``offers.price`` of the first object in the page's JSON-LD that has it."""
    for script in response.xpath("//script[@type='application/ld+json']/text()").getall():
        try:
            data = json.loads(script)
        except ValueError:
            continue
        for one in _objects(data):
            value = _at(one, path.split("."))
            if value is not None:
                return value if isinstance(value, str | int | float | bool) else json.dumps(value)
    return None


def _objects(data: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSON-LD script: itself, those of a list, and those of ``@graph``."""
    if isinstance(data, list):
        for one in data:
            yield from _objects(one)
    elif isinstance(data, dict):
        yield data
        yield from _objects(data.get("@graph", []))


def _at(value: Any, path: list[str]) -> Any:
    for name in path:
        if isinstance(value, list):
            value = value[0] if value else None
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value[0] if isinstance(value, list) and value else value
