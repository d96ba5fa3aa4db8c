"""Refuse texts and numbers that no database holds, and JSON that cannot be read."""

from __future__ import annotations

import json
from collections.abc import Iterator

from flask import Flask, abort, request

from models.text import storable

LARGEST_NUMBER = 2**63 - 1  # of a database


def init(app: Flask) -> None:
    """Refuse such texts in the path, the query arguments, the forms and the JSON of each request: HTTP 400.

    A number in the path that no row can have is HTTP 404.
    """
    app.before_request(_check)


def is_storable(text: str) -> bool:
    """Return whether each database can hold the text."""
    return storable(text) == text


def _check() -> None:
    if not all(is_storable(text) for text in _texts()):
        abort(400, "the address or the form has a text with a NUL or a half of a character")
    if any(isinstance(one, int) and one > LARGEST_NUMBER for one in (request.view_args or {}).values()):
        abort(404, "no row has a number above 2^63")
    if request.is_json and not _can_be_read(request.get_data()):
        abort(400, "the JSON has too many levels, or a number of thousands of digits")


def _can_be_read(body: bytes) -> bool:
    """Return whether JSON can be read. Of JSON with a wrong character the view says what is wrong."""
    try:
        json.loads(body)
    except (json.JSONDecodeError, UnicodeDecodeError):
        return True
    except (ValueError, RecursionError):
        return False
    return True


def _texts() -> Iterator[str]:
    for value in (request.view_args or {}).values():
        if isinstance(value, str):
            yield value
    for name, value in (*request.args.items(multi=True), *request.form.items(multi=True)):
        yield from (name, value)
