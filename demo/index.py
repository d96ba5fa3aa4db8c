"""What the site serves for programs: robots.txt, the sitemap, truth.json and the health check."""

from __future__ import annotations

from html import escape

from aiohttp import web

from demo.request_parameters import origin_of, shop_of
from demo.rows import truth

routes = web.RouteTableDef()


@routes.get("/healthz")
async def healthy(request: web.Request) -> web.Response:
    return web.Response(text="ok")


@routes.get("/robots.txt")
async def robots(request: web.Request) -> web.Response:
    return web.Response(
        text=f"User-agent: *\nDisallow: /private/\n\nSitemap: {origin_of(request)}/sitemap.xml\n"
    )


@routes.get("/sitemap.xml")
async def sitemap(request: web.Request) -> web.Response:
    origin = escape(origin_of(request))
    urls = "".join(
        f"<url><loc>{origin}/books/{book.sku}</loc><lastmod>{book.last_changed}</lastmod></url>\n"
        for book in shop_of(request).books
    )
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{urls}</urlset>\n'
    )
    return web.Response(text=text, content_type="application/xml")


@routes.get("/truth.json")
async def whole_truth(request: web.Request) -> web.Response:
    return web.json_response(truth(shop_of(request), origin_of(request)))


@routes.get("/favicon.ico")
async def no_icon(request: web.Request) -> web.Response:
    return web.Response(status=204)
