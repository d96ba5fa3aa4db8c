"""The JSON Schema of a table's events, and the AsyncAPI document of all tables, from the models."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    ARRAY,
    JSON,
    Boolean,
    Column,
    Date,
    DateTime,
    Enum,
    Float,
    Integer,
    Interval,
    LargeBinary,
    Numeric,
    String,
    Time,
    TypeDecorator,
    Uuid,
)
from sqlalchemy.types import TypeEngine

from models.base import Row
from models.change import CHANGED, CREATED, GONE, RETURNED
from models.outbox import SNAPSHOT

DRAFT = "https://json-schema.org/draft/2020-12/schema"
KINDS = (CREATED, CHANGED, GONE, RETURNED, SNAPSHOT)

# How models.json_values writes values of these types. The order matters, as there.
TYPES: list[tuple[type[TypeEngine[Any]], dict[str, Any]]] = [
    (Boolean, {"type": "boolean"}),
    (Integer, {"type": "integer"}),
    (Float, {"type": ["number", "string"], "description": "a number; infinity and NaN are text"}),
    (Numeric, {"type": "string", "description": "a decimal number with all its digits"}),
    (DateTime, {"type": "string", "format": "date-time"}),
    (Date, {"type": "string", "format": "date"}),
    (Time, {"type": "string", "format": "time"}),
    (Interval, {"type": "string", "format": "duration"}),
    (Uuid, {"type": "string", "format": "uuid"}),
    (LargeBinary, {"type": "string", "description": "a data: URL"}),
]


def field_schema(column: Column[Any]) -> dict[str, Any]:
    """Return the JSON Schema of a field's value."""
    schema = _type_schema(column.type)
    if column.nullable and "type" in schema:
        names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        schema = {**schema, "type": [*names, "null"]}
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]
    return schema


def _type_schema(type_: TypeEngine[Any]) -> dict[str, Any]:
    if isinstance(type_, TypeDecorator) and not isinstance(type_, Interval):
        if isinstance(item := getattr(type_, "item_type", None), TypeEngine):
            return {"type": "array", "items": _item_schema(item)}
        type_ = type_.impl_instance
    if isinstance(type_, Enum):
        return {"type": "string", "enum": list(type_.enums)}
    if isinstance(type_, String):
        return {"type": "string"} | ({"maxLength": type_.length} if type_.length else {})
    if isinstance(type_, ARRAY):
        return {"type": "array", "items": _item_schema(type_.item_type)}
    if isinstance(type_, JSON):
        return {}
    return dict(next((schema for kind, schema in TYPES if isinstance(type_, kind)), {}))


def _item_schema(type_: TypeEngine[Any]) -> dict[str, Any]:
    return {"anyOf": [_type_schema(type_), {"type": ["null", "array"]}]}


def event_schema(model: type[Row]) -> dict[str, Any]:
    """Return the JSON Schema of the events of a table, in CloudEvents' structured mode."""
    table = model.__tablename__
    fields = {name: field_schema(column) for name, column in model.fields().items()}
    return {
        "$schema": DRAFT,
        "title": f"An event of the table {table}",
        "type": "object",
        "required": ["specversion", "id", "source", "type", "subject", "time", "datacontenttype", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "description": "a consumer drops an event whose id it has seen"},
            "source": {"type": "string", "format": "uri-reference"},
            "type": {"enum": [f"splashdown.{table}.{kind}" for kind in KINDS]},
            "subject": {"type": "string", "description": "the table and the natural key as a JSON list"},
            "time": {"type": "string", "format": "date-time"},
            "datacontenttype": {"const": "application/json"},
            "data": {
                "type": "object",
                "required": ["table", "key", "kind", "changed", "row", "run", "page"],
                "properties": {
                    "table": {"const": table},
                    "key": {
                        "type": "object",
                        "required": list(model.key()),
                        "properties": {name: fields[name] for name in model.key()},
                    },
                    "kind": {"enum": list(KINDS)},
                    "changed": {
                        "type": "object",
                        "description": "the fields that changed, each with its old and its new value",
                        "properties": {
                            name: {"type": "array", "prefixItems": [schema, schema], "items": False}
                            for name, schema in fields.items()
                        },
                        "additionalProperties": False,
                    },
                    "row": {
                        "type": "object",
                        "description": "all fields after the change; empty if the row is gone",
                        "properties": fields,
                        "additionalProperties": False,
                    },
                    "run": {"type": ["integer", "null"]},
                    "page": {
                        "type": ["string", "null"],
                        "description": "the URL of the page, if it is known",
                    },
                },
            },
        },
    }


def _by_name(models: Iterable[type[Row]]) -> dict[str, type[Row]]:
    """Return the models by a name that AsyncAPI permits as a key, which no other table has."""
    found: dict[str, type[Row]] = {}
    for model in models:
        first = name = re.sub(r"[^A-Za-z0-9_-]", "_", model.__tablename__)
        number = 2
        while name in found:
            name, number = f"{first}_{number}", number + 1
        found[name] = model
    return found


def async_api(models: Iterable[type[Row]], version: str) -> dict[str, Any]:
    """Return an AsyncAPI 3 document: a channel and a message for each table."""
    channels: dict[str, Any] = {}
    messages: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for name, model in _by_name(models).items():
        messages[name] = {
            "name": f"splashdown.{model.__tablename__}",
            "contentType": "application/cloudevents+json",
            "payload": event_schema(model),
        }
        channels[name] = {
            "address": f"{model.__tablename__}.{{kind}}",
            "parameters": {"kind": {"enum": list(KINDS)}},
            "messages": {name: {"$ref": f"#/components/messages/{name}"}},
        }
        operations[f"send_{name}"] = {"action": "send", "channel": {"$ref": f"#/channels/{name}"}}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Splashdown: changes of tables",
            "version": version,
            "description": "Each event is sent at least once, in the order of its row's changes.",
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages},
    }
