"""The shop's public pages, which are shells, and the API from which their scripts fetch the rows."""

from __future__ import annotations

from aiohttp import web

from demo.goods import Book
from demo.pages import HOME, shell
from demo.request_parameters import layout_of, not_found, origin_of, part_of, shop_of
from demo.rows import Json, book_row, quote_row, review_row

BOOKS_A_PAGE = 20
QUOTES_A_PAGE = 10
FRESH = 10

routes = web.RouteTableDef()


def html(text: str) -> web.Response:
    return web.Response(text=text, content_type="text/html")


def book_of(request: web.Request) -> Book:
    """Return the book of the URL.

    Raises:
        web.HTTPNotFound: the shop has no such book.
    """
    sku = request.match_info["sku"]
    book = shop_of(request).books_by_sku.get(sku)
    if book is None:
        raise not_found(f"book {sku}")
    return book


def entry_row(book: Book) -> Json:
    """Return the row of a book in a list."""
    return {"sku": book.sku, "title": book.title, "price": f"{book.price:.2f}"}


@routes.get("/")
async def home(request: web.Request) -> web.Response:
    return html(HOME)


@routes.get("/books")
async def books(request: web.Request) -> web.Response:
    part = part_of(request, shop_of(request).books, BOOKS_A_PAGE)
    return html(shell("Books", "books", f"/api/books?page={part.number}", layout=layout_of(request)))


@routes.get("/api/books")
async def api_books(request: web.Request) -> web.Response:
    part = part_of(request, shop_of(request).books, BOOKS_A_PAGE)
    rows = [entry_row(book) for book in part.rows]
    return web.json_response({"page": part.number, "pages": part.pages, "books": rows})


@routes.get("/books/{sku}")
async def book(request: web.Request) -> web.Response:
    sku = book_of(request).sku
    return html(shell(f"Book {sku}", "book", f"/api/books/{sku}", layout=layout_of(request)))


@routes.get("/api/books/{sku}")
async def api_book(request: web.Request) -> web.Response:
    book = book_of(request)
    reviews = [review_row(book, review) for review in book.reviews]
    return web.json_response(book_row(book, origin_of(request)) | {"reviews": reviews})


@routes.get("/quotes")
async def quotes(request: web.Request) -> web.Response:
    return html(shell("Quotes", "quotes", "/api/quotes"))


@routes.get("/api/quotes")
async def api_quotes(request: web.Request) -> web.Response:
    part = part_of(request, shop_of(request).quotes, QUOTES_A_PAGE)
    rows = [quote_row(quote) for quote in part.rows]
    return web.json_response({"page": part.number, "pages": part.pages, "quotes": rows})


@routes.get("/catalogue")
async def catalogue(request: web.Request) -> web.Response:
    return html(shell("Catalogue", "catalogue", "/api/catalogue", layout=layout_of(request)))


@routes.get("/api/catalogue")
async def api_catalogue(request: web.Request) -> web.Response:
    part = part_of(request, shop_of(request).catalogue, BOOKS_A_PAGE)
    rows = [entry_row(book) for book in part.rows]
    return web.json_response({"page": part.number, "pages": part.pages, "books": rows})


@routes.get("/api/fresh")
async def api_fresh(request: web.Request) -> web.Response:
    """Return the newest books, for pages that test something else."""
    return web.json_response({"books": [entry_row(book) for book in shop_of(request).books[-FRESH:]]})
