"""Items of books with reviews, as the spider of the demo site yields them."""

from __future__ import annotations

from typing import Any


def book(sku: str, *reviewers: str) -> dict[str, Any]:
    """Return a book with a review by each reviewer."""
    fields = {"title": "t", "author": "a", "category": "c", "price": "1", "stock": 1, "rating": 1, "url": "/"}
    reviews = [{"reviewer": name, "stars": 1, "body": "b", "posted": "2026-01-02"} for name in reviewers]
    return {"sku": sku, "published": "2026-01-02", **fields, "reviews": reviews}
