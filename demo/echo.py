"""Responses that repeat the request, and redirects: for tests of the programs between a browser and a site."""

from __future__ import annotations

import re
from urllib.parse import quote, urlencode

from aiohttp import web

from demo.request_parameters import form_of

MOST_HOPS = 50
# A path of this site. Browsers read "//host", "/\host" and "/<tab>/host" as the address of another site.
OWN_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")

routes = web.RouteTableDef()


@routes.get("/headers.json")
async def headers(request: web.Request) -> web.Response:
    return web.json_response(
        {name: ", ".join(request.headers.getall(name)) for name in dict.fromkeys(request.headers)}
    )


@routes.get("/cookies.json")
async def cookies(request: web.Request) -> web.Response:
    return web.json_response(dict(request.cookies))


@routes.route("*", "/post")
async def post(request: web.Request) -> web.Response:
    body = (await request.read()).decode("utf-8", "replace")
    return web.json_response({"method": request.method, "form": await form_of(request), "body": body})


@routes.get("/redirect")
async def redirect(request: web.Request) -> web.Response:
    """Redirect to ``?to=``, a path of this site, after ``?n=`` hops."""
    to, hops = request.query.get("to", ""), request.query.get("n", "1")
    if not OWN_PATH.fullmatch(to):
        raise web.HTTPBadRequest(text="to= has to be a path of this site, such as /books\n")
    if not (hops.isascii() and hops.isdigit() and len(hops) < 4 and 1 <= int(hops) <= MOST_HOPS):
        raise web.HTTPBadRequest(text=f"n= has to be a number from 1 to {MOST_HOPS}\n")
    left = int(hops) - 1
    target = f"/redirect?{urlencode({'to': to, 'n': left})}" if left else quote(to, safe="/?#&=%:@+,;~!*'()")
    return web.Response(status=302, headers={"Location": target})


@routes.get("/private/{rest:.*}")
async def private(request: web.Request) -> web.Response:
    return web.Response(text="robots.txt asks crawlers not to come here\n")
