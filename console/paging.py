"""Pages of long lists: each page begins after the last key of the page before (keyset paging)."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from flask import abort, request

from console.security.text_input import LARGEST_NUMBER, is_storable

PAGE_SIZE = 50
MOST = 500

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Listing(Generic[T]):
    """One page of a list, and the key after which the next page begins; None if this is the last one."""

    rows: Sequence[T]
    after: str | None = None


def listing(rows: Sequence[T], size: int, key: Callable[[T], Sequence[Any]]) -> Listing[T]:
    """Return the first ``size`` of the rows as a page. Read one row more than that, so that a next page is known.

    Args:
        key: returns the values by which the list is sorted: text, numbers, None, or what JSON can hold.
    """
    shown = rows[:size]
    return Listing(rows=shown, after=encode_key(key(shown[-1])) if len(rows) > size and shown else None)


def encode_key(values: Sequence[Any]) -> str:
    """Return a key as text for a URL."""
    text = json.dumps(list(values), ensure_ascii=True, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_key(text: str, *types: type | tuple[type, ...]) -> list[Any]:
    """Return the values of a key.

    Args:
        types: of each value; a key with other values was not made by ``encode_key``.

    Raises:
        ValueError: the text is no such key.
    """
    try:
        values = json.loads(base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)))
    except (binascii.Error, UnicodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError("the place in the list is not one of this console") from error
    if not isinstance(values, list) or len(values) != len(types):
        raise ValueError("the place in the list is not one of this list")
    if not all(isinstance(value, kind) for value, kind in zip(values, types, strict=True)):
        raise ValueError("the place in the list is not one of this list")
    for value in values:
        if (isinstance(value, int) and not -LARGEST_NUMBER <= value <= LARGEST_NUMBER) or (
            isinstance(value, str) and not is_storable(value)
        ):
            raise ValueError("the place in the list is not one of this list")
    return values


def asked_after(*types: type | tuple[type, ...]) -> list[Any] | None:
    """Return the key in ``?after=`` of this request; None for the first page. A wrong one is HTTP 400."""
    text = request.args.get("after", "")
    if not text:
        return None
    try:
        return decode_key(text, *types)
    except ValueError as error:
        abort(400, str(error))


def asked_size(default: int = PAGE_SIZE) -> int:
    """Return how many rows of a list this request wants: ``?limit=``, at most MOST."""
    return min(max(request.args.get("limit", default, type=int) or default, 1), MOST)
