"""The shop's goods as JSON rows, with the names of the columns that a crawl fills."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from demo.goods import Book, Order, Quote, Review
from demo.shop import Shop

Json = dict[str, Any]


def book_row(book: Book, origin: str) -> Json:
    return {
        "sku": book.sku,
        "title": book.title,
        "author": book.author,
        "category": book.category,
        "price": f"{book.price:.2f}",
        "stock": book.stock,
        "rating": book.rating,
        "published": book.published.isoformat(),
        "description": book.description,
        "url": f"{origin}/books/{book.sku}",
    }


def review_row(book: Book, review: Review) -> Json:
    return {
        "sku": book.sku,
        "reviewer": review.reviewer,
        "stars": review.stars,
        "body": review.body,
        "posted": review.posted.isoformat(),
    }


def quote_row(quote: Quote) -> Json:
    return {
        "quote_id": quote.quote_id,
        "body": quote.body,
        "author": quote.author,
        "tags": ", ".join(quote.tags) or None,
    }


def order_row(order: Order) -> Json:
    """Return an order as its page shows it: the datetime has the UTC offset of the place of the order."""
    return {
        "number": order.number,
        "placed_at": order.placed_at.isoformat().replace("+00:00", "Z"),
        "status": order.status,
        "customer": order.customer,
        "total": f"{order.total:.2f}",
        "note": order.note,
    }


def truth(shop: Shop, origin: str) -> Json:
    """Return all rows that a perfect crawl of this day stores, sorted by their keys. Datetimes are in UTC."""
    return {
        "day": shop.day,
        "books": [book_row(book, origin) for book in shop.books],
        "reviews": [
            review_row(book, review)
            for book in shop.books
            for review in sorted(book.reviews, key=lambda review: review.reviewer)
        ],
        "quotes": [quote_row(quote) for quote in shop.quotes],
        "orders": [
            order_row(order) | {"placed_at": order.placed_at.astimezone(UTC).isoformat()}
            for order in shop.orders
        ],
    }
