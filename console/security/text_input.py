"""Texts of a request that no database can hold are refused: NUL, and halves of characters."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Flask, abort, request

from models.text import storable


def init(app: Flask) -> None:
    """Refuse such texts in the path, the query arguments and the forms of each request: HTTP 400."""
    app.before_request(_check)


def is_storable(text: str) -> bool:
    """Return whether each database can hold the text."""
    return storable(text) == text


def _check() -> None:
    if not all(is_storable(text) for text in _texts()):
        abort(400, "the address or the form has a text with a NUL or a half of a character")


def _texts() -> Iterator[str]:
    for value in (request.view_args or {}).values():
        if isinstance(value, str):
            yield value
    for name, value in (*request.args.items(multi=True), *request.form.items(multi=True)):
        yield from (name, value)
