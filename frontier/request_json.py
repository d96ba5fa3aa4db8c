"""Requests as JSON and back: callbacks by name, everything else by value; never pickle."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from scrapy import Request, Spider
from scrapy.utils.misc import load_object

MAX_DEPTH = 50


class NotJson(TypeError):
    """A request holds something that cannot be stored; the message names its key and says what to do."""


def encode(request: Request, spider: Spider, *, without_meta: tuple[str, ...] = ()) -> str:
    """The request as JSON text; what has its default value is left out.

    Raises:
        NotJson: a callback is no method of the spider, or a value in meta, cb_kwargs, headers, cookies or flags is
            not plain data.
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
    meta = request.meta
    if meta:
        kept = {name: value for name, value in meta.items() if name not in without_meta}
        if kept:
            fields["meta"] = _plain(kept, "meta", 0)
    for name in ("cookies", "cb_kwargs", "flags"):
        value = getattr(request, name)
        if value:
            fields[name] = _plain(value, name, 0)
    if request.priority:
        fields["priority"] = request.priority
    if request.dont_filter:
        fields["dont_filter"] = True
    if request.encoding != "utf-8":
        fields["encoding"] = request.encoding
    return json.dumps(fields, ensure_ascii=True, separators=(",", ":"))


def decode(text: str, spider: Spider) -> Request:
    """The request of which ``text`` is the JSON.

    Raises:
        NotJson: the spider has no such method any more, or the class of the request is gone.
    """
    fields = json.loads(text)
    kind: Any = Request
    if "_class" in fields:
        try:
            kind = load_object(fields.pop("_class"))
        except (ImportError, NameError, ValueError) as error:
            raise NotJson(f"{fields['url']}: its class is not there any more: {error}") from None
        if not (isinstance(kind, type) and issubclass(kind, Request)):
            raise NotJson(f"{fields['url']}: {kind!r} is no kind of request")
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


def _plain(value: Any, path: str, depth: int) -> Any:
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if kind is float:
        if value != value or value in (float("inf"), float("-inf")):
            raise NotJson(f"{path} is {value}, which JSON does not have")
        return value
    if depth > MAX_DEPTH:
        raise NotJson(f"{path} is nested too deeply, or holds itself")
    if kind is dict or isinstance(value, Mapping):
        for name in value:
            if type(name) is not str:
                raise NotJson(f"{path} has the key {name!r}, and JSON has only text keys")
        return {name: _plain(part, f"{path}[{name!r}]", depth + 1) for name, part in value.items()}
    if kind is list or kind is tuple:
        return [_plain(part, f"{path}[{position}]", depth + 1) for position, part in enumerate(value)]
    if isinstance(value, str | int | float):  # an enum's member and the like: by value
        return _plain(
            kind.__mro__[-2](value) if kind.__mro__[-2] in (str, int, float) else str(value), path, depth
        )
    raise NotJson(
        f"{path} is {kind.__module__}.{kind.__qualname__}, which cannot be stored as JSON: pass plain values (text, "
        "numbers, lists, dicts), for instance the id or the URL that it can be made from again"
    )
