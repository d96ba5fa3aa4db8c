"""The JSON Schema of a YAML site, by which editors complete and check the file while it is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from crawler.atomic_file import write_atomically
from crawler.yaml_site.members import (
    DETAIL,
    FIELD,
    INFO,
    JOINED_SOURCES,
    LIST,
    NAME_KIND,
    SELECTOR,
    SITE,
    SOURCES,
    Members,
    Schema,
)

DRAFT = "http://json-schema.org/draft-07/schema#"  # the one that editors know best
FILE = "site.schema.json"  # beside the YAML files, so that each copy of the project has it at the same path
LINE = f"# yaml-language-server: $schema={FILE}"  # the first line of a YAML file, for editors


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a YAML site, made of the same names and kinds that ``read_definition`` uses."""
    listed = {"$ref": "#/definitions/list"}
    has_follow = {"required": ["list"], "properties": {"list": {"type": "object", "required": ["follow"]}}}
    return {
        "$schema": DRAFT,
        "title": "A site of Splashdown",
        **_mapping(SITE, {"list": listed, "detail": {"$ref": "#/definitions/detail"}}),
        # list.follow and detail belong together.
        "allOf": [
            {"if": {"type": "object", "required": ["detail"]}, "then": has_follow},
            {"if": has_follow, "then": {"required": ["detail"]}},
        ],
        "definitions": {
            "list": _mapping(LIST, {"fields": _fields("listField")}),
            "detail": {
                **_mapping(DETAIL, {"fields": _fields("detailField")}),
                "dependencies": {"wait_timeout": ["wait_for"]},
            },
            # JSON-LD belongs to a whole page.
            "listField": _field({name: one for name, one in FIELD.items() if name != "jsonld"}),
            "detailField": _field(FIELD),
            "info": _mapping(INFO, {}),
        },
    }


def schema_text() -> str:
    """Return the JSON Schema as the text of a file."""
    return json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"


def write_schema(folder: Path) -> None:
    """Write the JSON Schema into the folder of YAML sites, whose first line names it (``LINE``)."""
    write_atomically(folder / FILE, schema_text().encode(), mode=0o644)


def _mapping(members: Members, inner: dict[str, Schema]) -> dict[str, Any]:
    """Return the schema of a mapping.

    Args:
        inner: the schemas of members that are mappings themselves.
    """
    schema: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            name: {"description": one.text, **(inner[name] if one.kind is None else one.kind.schema)}
            for name, one in members.items()
        },
    }
    if required := [name for name, one in members.items() if one.is_required]:
        schema["required"] = required
    return schema


def _fields(field: str) -> Schema:
    return {
        "type": "object",
        "propertyNames": NAME_KIND.schema,
        "additionalProperties": {"$ref": f"#/definitions/{field}"},
    }


def _field(members: Members) -> Schema:
    """Return the schema of a field: a selector, or a mapping with one source."""
    sources = [source for source in SOURCES if source in members]
    return {
        "description": "a selector, or a mapping with one of " + ", ".join(sources),
        "anyOf": [
            SELECTOR.schema,
            {
                **_mapping(members, {"info": {"$ref": "#/definitions/info"}}),
                "oneOf": [{"required": [source]} for source in sources],
                "dependencies": {"join": {"anyOf": [{"required": [source]} for source in JOINED_SOURCES]}},
            },
        ],
    }
