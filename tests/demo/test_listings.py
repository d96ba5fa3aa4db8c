"""The pages are empty shells, and their API returns the rows of truth.json."""

from __future__ import annotations

from typing import Any

import pytest

from tests.demo.visits import visit


@pytest.fixture(scope="module")
def truth(demo_site: str) -> Any:
    return visit(f"{demo_site}/truth.json").json


def rows_of_all_pages(address: str, key: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    page, pages = 0, 1
    while page < pages:
        part = visit(f"{address}?page={page + 1}").json
        assert part["page"] == page + 1
        page, pages = part["page"], part["pages"]
        rows += part[key]
    return rows


def test_truth_json_has_all_tables_sorted_by_key(truth: Any) -> None:
    assert truth["day"] == 1
    assert [len(truth[name]) for name in ("books", "quotes", "orders")] == [1000, 150, 60]
    for name, key in {
        "books": ("sku",),
        "reviews": ("sku", "reviewer"),
        "quotes": ("quote_id",),
        "orders": ("number",),
    }.items():
        keys = [tuple(row[part] for part in key) for row in truth[name]]
        assert keys == sorted(set(keys)), name


def test_truth_json_has_the_columns_of_the_tables(truth: Any) -> None:
    assert list(truth["books"][0]) == [
        "sku", "title", "author", "category", "price", "stock", "rating", "published", "description", "url"
    ]  # fmt: skip
    assert list(truth["reviews"][0]) == ["sku", "reviewer", "stars", "body", "posted"]
    assert list(truth["quotes"][0]) == ["quote_id", "body", "author", "tags"]
    assert list(truth["orders"][0]) == ["number", "placed_at", "status", "customer", "total", "note"]
    assert all(order["placed_at"].endswith("+00:00") for order in truth["orders"])


def test_the_api_of_a_book_returns_its_row_and_reviews(demo_site: str, truth: Any) -> None:
    for row in truth["books"][:60]:
        book = visit(f"{demo_site}/api/books/{row['sku']}").json
        reviews = sorted(book.pop("reviews"), key=lambda review: review["reviewer"])
        assert book == row
        assert reviews == [review for review in truth["reviews"] if review["sku"] == row["sku"]]
        assert row["url"] == f"{demo_site}/books/{row['sku']}"


def test_the_url_of_a_book_has_the_host_of_the_request(demo_site: str) -> None:
    book = visit(f"{demo_site}/api/books/B00001", Host="demo:8765").json
    assert book["url"] == "http://demo:8765/books/B00001"


def test_the_list_pages_have_every_book_once(demo_site: str, truth: Any) -> None:
    listed = rows_of_all_pages(f"{demo_site}/api/books", "books")
    assert listed == [{name: row[name] for name in ("sku", "title", "price")} for row in truth["books"]]


def test_the_quotes_pages_have_every_quote_once(demo_site: str, truth: Any) -> None:
    assert rows_of_all_pages(f"{demo_site}/api/quotes", "quotes") == truth["quotes"]


def test_the_catalogue_has_two_hundred_books(demo_site: str, truth: Any) -> None:
    listed = rows_of_all_pages(f"{demo_site}/api/catalogue", "books")
    assert [row["sku"] for row in listed] == [row["sku"] for row in truth["books"][:200]]


@pytest.mark.parametrize("path", ["/books", "/books/B00003", "/quotes", "/catalogue"])
def test_a_page_is_a_shell_without_data(demo_site: str, path: str) -> None:
    answer = visit(demo_site + path)
    assert answer.status == 200
    assert "<article" not in answer.text and "£" not in answer.text and "Thunder" not in answer.text
    assert '<script type="module" src="/static/app.js">' in answer.text
    assert '<script nomodule defer src="/static/legacy.js">' in answer.text
    assert "<noscript>" in answer.text


@pytest.mark.parametrize(
    "path", ["/books/B77777", "/api/books/B77777", "/books?page=51", "/books?page=0", "/api/quotes?page=x"]
)
def test_a_book_or_page_that_does_not_exist_is_a_404(demo_site: str, path: str) -> None:
    assert visit(demo_site + path).status == 404


def test_a_404_page_escapes_the_requested_name(demo_site: str) -> None:
    for path in ("/books/%3Cb%3Ehere%22", "/books?page=%3Cb%3Ehere%22"):
        answer = visit(demo_site + path)
        assert answer.status == 404
        assert "&lt;b&gt;here&quot;" in answer.text and "<b>" not in answer.text


def test_the_api_returns_hostile_titles_unchanged(demo_site: str) -> None:
    assert visit(f"{demo_site}/api/books/B00017").json["title"].startswith("<script>")
    assert "<script>document" not in visit(f"{demo_site}/books/B00017").text
