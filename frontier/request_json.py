"""Requests as JSON and back: callbacks by name, everything else by value and with its type; never pickle."""

from __future__ import annotations

import base64
import json
from typing import Any

from scrapy import Request, Spider

from frontier.typed_json import Encoder, NotJson, class_named, decode_value

CARRIED = ("meta", "cookies", "cb_kwargs", "flags")
TYPED = "_typed"  # says that the values need decode_value; older texts have plain JSON values


def encode(request: Request, spider: Spider, *, without_meta: tuple[str, ...] = ()) -> str:
    """Return the request as JSON text, without fields that have their default value.

    Raises:
        NotJson: a callback is no method of the spider, or a value in meta, cb_kwargs, headers, cookies or flags is
            of a type that cannot be made again.
    """
    kind = type(request)
    fields: dict[str, Any] = {"url": request.url}
    if kind is not Request:
        fields["_class"] = f"{kind.__module__}.{kind.__qualname__}"
    for name in ("callback", "errback"):
        function = getattr(request, name)
        function = getattr(function, "stored_as", function)
        if function is not None:
            fields[name] = _method_name(function, spider, name, request)
    if request.method != "GET":
        fields["method"] = request.method
    if request.headers:
        fields["headers"] = [
            [name.decode("latin-1"), [value.decode("latin-1") for value in values]]
            for name, values in request.headers.items()
        ]
    if request.body:
        try:
            fields["body"] = request.body.decode()
        except UnicodeDecodeError:
            fields["body_base64"] = base64.b64encode(request.body).decode()
    encoder = Encoder()
    for name in CARRIED:
        value = getattr(request, name)
        if value and name == "meta":
            value = {key: part for key, part in value.items() if key not in without_meta}
        if value:
            fields[name] = encoder.encode(value, name)
    if encoder.tagged:
        fields[TYPED] = 1
    if request.priority:
        fields["priority"] = request.priority
    if request.dont_filter:
        fields["dont_filter"] = True
    if request.encoding != "utf-8":
        fields["encoding"] = request.encoding
    return json.dumps(fields, ensure_ascii=True, separators=(",", ":"))


def decode(text: str, spider: Spider) -> Request:
    """Return the request that the JSON text describes.

    Raises:
        NotJson: the spider has no such method any more, or the class of the request, or of what it carries, is gone.
    """
    return decode_fields(json.loads(text), spider)


def decode_fields(fields: dict[str, Any], spider: Spider) -> Request:
    """Return the request of the object that the JSON text has. The object is used up.

    Raises:
        NotJson: as ``decode``.
    """
    kind: Any = Request
    if "_class" in fields:
        name = fields.pop("_class")
        kind = class_named(name)
        if kind is None:
            raise NotJson(
                f"{fields['url']}: its class {name} is not there any more, or not imported by the spider's module"
            )
        if not issubclass(kind, Request):
            raise NotJson(f"{fields['url']}: {kind!r} is no kind of request")
    if fields.pop(TYPED, None):
        try:
            fields |= {name: decode_value(fields[name]) for name in CARRIED if name in fields}
        except NotJson as error:
            raise NotJson(f"{fields['url']}: {error}") from None
    for name in ("callback", "errback"):
        if name in fields:
            fields[name] = getattr(spider, fields[name], None)
            if fields[name] is None:
                raise NotJson(
                    f"{fields['url']}: spider {spider.name} has lost its {name}; begin with --fresh"
                )
    if "headers" in fields:
        fields["headers"] = {
            name: [value.encode("latin-1") for value in values] for name, values in fields["headers"]
        }
    if "body_base64" in fields:
        fields["body"] = base64.b64decode(fields.pop("body_base64"))
    return kind(**fields)  # type: ignore[no-any-return]


def _method_name(function: Any, spider: Spider, what: str, request: Request) -> str:
    name = getattr(function, "__name__", None)
    if isinstance(name, str) and getattr(function, "__self__", None) is spider and hasattr(spider, name):
        return name
    raise NotJson(
        f"{request.url}: its {what} is {function!r}, which cannot be stored by name: make it a method of the spider"
    )
