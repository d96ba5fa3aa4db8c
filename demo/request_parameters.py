"""The parameters of a request: its shop and layout, the site's address, the form, the page of a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import parse_qsl

from aiohttp import web

from demo.pages import page
from demo.shop import Shop

SHOP: web.AppKey[Shop] = web.AppKey("shop", Shop)
LAYOUT: web.AppKey[str] = web.AppKey("layout", str)

T = TypeVar("T")


def shop_of(request: web.Request) -> Shop:
    return request.app[SHOP]


def layout_of(request: web.Request) -> str:
    return request.app[LAYOUT]


def origin_of(request: web.Request) -> str:
    """Return the address that the client used for this site, without a trailing slash."""
    return f"{request.scheme}://{request.host}"


async def form_of(request: web.Request) -> dict[str, str]:
    """Return the fields of a URL-encoded form, or an empty dict for any other body."""
    if request.content_type != "application/x-www-form-urlencoded":
        return {}
    body = (await request.read()).decode("utf-8", "replace")
    return dict(parse_qsl(body, keep_blank_values=True))


@dataclass(frozen=True, kw_only=True)
class Part(Generic[T]):
    """One page of a list."""

    number: int
    pages: int
    rows: Sequence[T]


def part_of(request: web.Request, rows: Sequence[T], size: int) -> Part[T]:
    """Return the page of the list that ``?page=`` names.

    Raises:
        web.HTTPNotFound: the list has no such page.
    """
    asked = request.query.get("page", "1")
    pages = max(1, -(-len(rows) // size))
    if not (asked.isascii() and asked.isdigit() and len(asked) < 9 and 1 <= int(asked) <= pages):
        raise not_found(f"page {asked} of {pages}")
    number = int(asked)
    return Part(number=number, pages=pages, rows=rows[(number - 1) * size : number * size])


def not_found(what: str) -> web.HTTPNotFound:
    body = page("Not found", f"There is no {what} here.")
    return web.HTTPNotFound(text=body, content_type="text/html")
