"""The pages with a fault always have it."""

from __future__ import annotations

import http.client
from uuid import uuid4

import pytest

from tests.demo.visits import visit


def test_broken_once_fails_once_for_each_key(demo_site: str) -> None:
    for key in (uuid4().hex, uuid4().hex):
        url = f"{demo_site}/broken/once/{key}"
        assert [visit(url).status for _ in range(3)] == [500, 200, 200]
        assert '<h1 class="ok">' in visit(url).text


@pytest.mark.parametrize("status", [404, 500])
def test_broken_404_and_500_always_fail(demo_site: str, status: int) -> None:
    assert [visit(f"{demo_site}/broken/{status}").status for _ in range(2)] == [status, status]


def test_bad_html_has_a_readable_heading(demo_site: str) -> None:
    answer = visit(f"{demo_site}/broken/html")
    assert answer.status == 200 and b"<h1>Readable all the same</h1>" in answer.body
    with pytest.raises(UnicodeDecodeError):
        answer.body.decode()


def test_broken_price_has_a_text_instead_of_a_price(demo_site: str) -> None:
    assert 'data-view="book" data-source="/api/broken/price"' in visit(f"{demo_site}/broken/price").text
    book = visit(f"{demo_site}/api/broken/price").json
    assert (book["sku"], book["price"]) == ("B99999", "call us")


def test_broken_drop_closes_the_connection_without_a_response(demo_site: str) -> None:
    with pytest.raises(http.client.RemoteDisconnected):
        visit(f"{demo_site}/broken/drop")


def test_the_empty_page_has_status_200_and_no_body(demo_site: str) -> None:
    answer = visit(f"{demo_site}/empty")
    assert (answer.status, answer.body) == (200, b"")


def test_the_csp_page_has_a_content_security_policy(demo_site: str) -> None:
    assert visit(f"{demo_site}/csp").headers["Content-Security-Policy"] == "default-src 'self'"


def test_the_image_of_the_slow_tail_begins_and_never_ends(demo_site: str) -> None:
    page = visit(f"{demo_site}/slow-tail")
    assert 'src="/slow-tail/pixel"' in page.text
    assert len(visit(f"{demo_site}/api/fresh").json["books"]) == 10
    connection = http.client.HTTPConnection(demo_site.removeprefix("http://"), timeout=1)
    connection.request("GET", "/slow-tail/pixel")
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Content-Type"]) == (200, "image/png")
    with pytest.raises(TimeoutError):
        answer.read()
    connection.close()
