"""Responses repeat the request, and redirects stay on the site."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.demo.visits import visit


def test_the_site_repeats_headers_and_cookies(demo_site: str) -> None:
    echo = visit(f"{demo_site}/headers.json", Mine="1 & 2", Cookie="a=b; c=d").json
    assert (echo["Mine"], echo["Cookie"]) == ("1 & 2", "a=b; c=d")
    assert visit(f"{demo_site}/cookies.json", Cookie="a=b; c=d").json == {"a": "b", "c": "d"}


def test_the_site_repeats_a_form(demo_site: str) -> None:
    echo = visit(f"{demo_site}/post", {"name": "Søren & co", "empty": ""}).json
    assert echo["method"] == "POST"
    assert echo["form"] == {"name": "Søren & co", "empty": ""}
    assert echo["body"] == "name=S%C3%B8ren+%26+co&empty="


def test_the_site_repeats_the_method(demo_site: str) -> None:
    assert visit(f"{demo_site}/post", method="PUT").json == {"method": "PUT", "form": {}, "body": ""}


def test_a_redirect_takes_n_hops(demo_site: str) -> None:
    url, hops = f"{demo_site}/redirect?to=/books%3Fpage%3D2&n=3", 0
    while (answer := visit(url)).status == 302:
        url, hops = demo_site + answer.headers["Location"], hops + 1
    assert (url, hops, answer.status) == (f"{demo_site}/books?page=2", 3, 200)


@pytest.mark.parametrize(
    "elsewhere",
    [
        "http://example.com/",
        "//example.com",
        "/\\example.com",
        "/\t/example.com",
        "/\r\nX: y",
        "javascript:alert(1)",
        "",
    ],
)
def test_a_redirect_never_leaves_the_site(demo_site: str, elsewhere: str) -> None:
    answer = visit(f"{demo_site}/redirect?to={quote(elsewhere, safe='')}")
    assert answer.status == 400 and "Location" not in answer.headers


def test_a_path_with_dots_stays_on_the_site(demo_site: str) -> None:
    answer = visit(f"{demo_site}/redirect?to={quote('/.//example.com', safe='')}")
    assert answer.headers["Location"] == "/.//example.com"


@pytest.mark.parametrize("hops", ["0", "-1", "51", "many", "²"])
def test_a_wrong_number_of_hops_is_a_bad_request(demo_site: str, hops: str) -> None:
    assert visit(f"{demo_site}/redirect?to=/&n={quote(hops)}").status == 400


def test_a_client_that_ignores_robots_txt_gets_private_pages(demo_site: str) -> None:
    assert visit(f"{demo_site}/private/diary").status == 200
