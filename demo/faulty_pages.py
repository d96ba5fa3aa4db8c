"""Pages with a fault: they fail, drop the connection, never end, or never show anything."""

from __future__ import annotations

import asyncio
import contextlib

from aiohttp import web

from demo.listings import html
from demo.pages import html_page, page, shell
from demo.request_parameters import not_found, origin_of, shop_of
from demo.rows import book_row

PIXEL_TIMEOUT = 120  # seconds until the server ends the image that never comes

FAILED_ONCE: web.AppKey[set[str]] = web.AppKey("failed_once", set)
CLOSING: web.AppKey[asyncio.Event] = web.AppKey("closing", asyncio.Event)

# Unclosed tags, wrong nesting, an attribute without an end, a form in a table, bytes that are not UTF-8, and a heading.
BAD_HTML = (
    b"<html><head><title>Broken</title><body><p>Before<div><b>bold <i>both</b> italic</i>\n"
    b"<table><form><tr><td>cell<td>cell</form><h1>Readable all the same</h1>\n"
    b"<ul><li>one<li>two</ul></li></p></div>\xff\xfe\x80 caf\xe9 &nosuch; &#xFFFFFFFF;\n"
    b"<a href='/books?page=1>to the end"
)

routes = web.RouteTableDef()


def server_error() -> web.Response:
    text = page("Something went wrong", "The shop could not make this page.")
    return web.Response(status=500, text=text, content_type="text/html")


@routes.get("/broken/once/{key}")
async def fails_once(request: web.Request) -> web.Response:
    failed, key = request.app[FAILED_ONCE], request.match_info["key"]
    if key not in failed:
        failed.add(key)
        return server_error()
    return html(html_page(f"Back again: {key}", "").replace("<h1>", '<h1 class="ok">'))


@routes.get("/broken/404")
async def missing(request: web.Request) -> web.Response:
    raise not_found("page")


@routes.get("/broken/500")
async def always_fails(request: web.Request) -> web.Response:
    return server_error()


@routes.get("/broken/html")
async def bad_html(request: web.Request) -> web.Response:
    return web.Response(body=BAD_HTML, content_type="text/html", charset="utf-8")


@routes.get("/broken/price")
async def no_price(request: web.Request) -> web.Response:
    return html(shell("Book B99999", "book", "/api/broken/price"))


@routes.get("/api/broken/price")
async def api_no_price(request: web.Request) -> web.Response:
    row = book_row(shop_of(request).books[0], origin_of(request))
    row |= {"sku": "B99999", "price": "call us", "url": f"{origin_of(request)}/broken/price", "reviews": []}
    return web.json_response(row)


@routes.get("/broken/drop")
async def drop(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.close()
    return web.Response()  # aiohttp wants a response; no client gets it


@routes.get("/slow-tail")
async def slow_tail(request: web.Request) -> web.Response:
    image = '<img src="/slow-tail/pixel" alt="" width="1" height="1">\n'
    return html(shell("Slow tail", "fresh", "/api/fresh", below=image))


@routes.get("/slow-tail/pixel")
async def pixel(request: web.Request) -> web.StreamResponse:
    """Send the beginning of a response without its end, so that the page's load event never comes."""
    response = web.StreamResponse(headers={"Content-Type": "image/png", "Cache-Control": "no-store"})
    await response.prepare(request)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(request.app[CLOSING].wait(), PIXEL_TIMEOUT)
    return response


@routes.get("/never")
async def never(request: web.Request) -> web.Response:
    return html(shell("Never", "never"))


@routes.get("/empty")
async def empty(request: web.Request) -> web.Response:
    return web.Response(body=b"", content_type="text/html")


@routes.get("/csp")
async def strict(request: web.Request) -> web.Response:
    response = html(shell("Strict", "ready", "/api/fresh"))
    response.headers["Content-Security-Policy"] = "default-src 'self'"
    return response
