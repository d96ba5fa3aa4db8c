"""A suggested site as the text of a YAML file."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from crawler.suggestion.column_text import LINKS, digits_and_scale, key_length
from crawler.suggestion.left_out_text import why
from crawler.suggestion.several_values import each_value
from crawler.suggestion.suggestion import Field, Suggestion
from crawler.yaml_site.json_schema import LINE

TYPES = {
    "str": "text",
    "int": "int",
    "Decimal": "decimal",
    "date": "date",
    "datetime": "datetime",
    "bool": "bool",
}
WIDTH = 110  # columns
JOIN = ", "  # between the values of a field with several


def yaml_text(
    suggestion: Suggestion, url: str, wait_for: str | None = None, *, rendering: str | None = None
) -> str:
    """Return the YAML of a site with the suggested records. It holds the texts of the page only as values.

    What the suggestion left out is in comments, so that a user can take it.

    Args:
        url: of the list page.
        wait_for: a selector that the page has to have; by default that of the records.
        rendering: always, auto or never; by default as the project says.

    Raises:
        ValueError: the suggestion has no key.
    """
    if not suggestion.key:
        raise ValueError("the records have no natural key: choose the fields that identify one")
    site: dict[str, Any] = {"start": url, "key": list(suggestion.key)}
    if rendering is not None:
        site["rendering"] = rendering
    before: dict[str, Any] = {"record": suggestion.record}
    if wait_for is not None:
        before["wait_for"] = wait_for
    if suggestion.grid_rows:
        before["scroll"] = True
    fields = {
        one.name: _field(one, suggestion.key, len(url))
        | ({"xpath": each_value(one.xpath), "join": JOIN} if one.name in suggestion.joined else {})
        for one in suggestion.fields
    }
    after = {
        name: selector
        for name, selector in (("next", suggestion.next_page), ("next_button", suggestion.next_button))
        if selector is not None
    }
    return "".join(
        (
            f"{LINE}\n",
            _dump(site),
            "list:\n",
            _dump(before, 2),
            "  fields:\n",
            _dump(fields, 4),
            *_left_out(suggestion, len(url)),
            _dump(after, 2),
        )
    )


def _dump(values: Mapping[str, Any], indent: int = 0) -> str:
    """Return the values as lines of YAML, each after so many spaces."""
    if not values:
        return ""
    text = yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True, width=WIDTH - indent)
    return textwrap.indent(text, " " * indent)


def _left_out(suggestion: Suggestion, url_length: int) -> Iterator[str]:
    """Yield comments with the fields that were left out."""
    if suggestion.left_out:
        yield '    # Left out. To store one, remove the "# " before its lines.\n'
    for one in suggestion.left_out:
        first, *others = _dump({one.field.name: _field(one.field, (), url_length)}).splitlines()
        yield f"    # {first}  # {why(one)}\n"
        yield from (f"    # {line}\n" for line in others)


def _field(field: Field, key: tuple[str, ...], url_length: int) -> dict[str, Any]:
    is_link = field.xpath.endswith(LINKS)
    found: dict[str, Any] = {"xpath": field.xpath}
    kind = "url" if is_link else TYPES[field.type]
    if kind != "text":
        found["type"] = kind
    if field.name in key and kind in ("text", "url"):
        found["length"] = key_length(field.max_length + (url_length if is_link else 0), len(key))
    if kind == "decimal":
        found["digits"], found["scale"] = digits_and_scale(field)
    if field.is_relative_time and field.name not in key:
        found["info"] = {"tracked": False}
    if field.language is not None:
        found["info"] = {"languages": [field.language]}
    return found
