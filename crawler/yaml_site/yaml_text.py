"""A suggested site as the text of a YAML file."""

from __future__ import annotations

from typing import Any

import yaml

from crawler.suggestion.site_file import key_length
from crawler.suggestion.suggestion import Field, Suggestion

TYPES = {
    "str": "text",
    "int": "int",
    "Decimal": "decimal",
    "date": "date",
    "datetime": "datetime",
    "bool": "bool",
}
LINKS = ("@href", "@src", "@data-src")
WIDTH = 110  # columns


def yaml_text(suggestion: Suggestion, url: str) -> str:
    """Return the YAML of a site with the suggested records. It holds the texts of the page only as values.

    Args:
        url: of the list page.

    Raises:
        ValueError: the suggestion has no key.
    """
    if not suggestion.key:
        raise ValueError("the records have no natural key: choose the fields that identify one")
    listed: dict[str, Any] = {
        "record": suggestion.record,
        "fields": {one.name: _field(one, suggestion.key, len(url)) for one in suggestion.fields},
    }
    if suggestion.next_page is not None:
        listed["next"] = suggestion.next_page
    site = {"start": url, "key": list(suggestion.key), "list": listed}
    text: str = yaml.safe_dump(site, sort_keys=False, allow_unicode=True, width=WIDTH)
    return text


def _field(field: Field, key: tuple[str, ...], url_length: int) -> dict[str, Any]:
    is_link = field.xpath.endswith(LINKS)
    found: dict[str, Any] = {"xpath": field.xpath}
    kind = "url" if is_link else TYPES[field.type]
    if kind != "text":
        found["type"] = kind
    if field.name in key and kind in ("text", "url"):
        found["length"] = key_length(field.max_length + (url_length if is_link else 0))
    if kind == "decimal":
        found["scale"] = max(
            [2, *(len(sample.rpartition(".")[2]) for sample in field.samples if "." in sample)]
        )
        found["scale"] = min(found["scale"], 8)
    return found
