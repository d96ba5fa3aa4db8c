"""The headers of a navigation after redirects, and a Cookie header in addition to the render's cookies."""

from __future__ import annotations

import pytest

from renderer.network.first_request import FirstRequest, joined_cookies

GIVEN = (("X-A", "1"), ("Authorization", "Basic x"), ("Cookie", "a=1"), ("Content-Type", "text/x"))


def after(url: str, method: str, first: FirstRequest) -> FirstRequest:
    """Return the request after a redirect from http://a/ to this URL."""
    return first.redirected({"url": url, "method": method}, "http://a/")


def test_a_redirect_within_an_origin_keeps_the_headers() -> None:
    assert after("http://a/x", "GET", FirstRequest(headers=GIVEN)).headers == GIVEN[:3]


@pytest.mark.parametrize("url", ["http://b/", "https://a/", "http://a:81/"])
def test_a_redirect_to_another_origin_drops_secrets(url: str) -> None:
    assert after(url, "GET", FirstRequest(headers=GIVEN)).headers == GIVEN[:1]


def test_a_post_that_is_redirected_as_a_post_keeps_its_body_and_content_type() -> None:
    first = FirstRequest(method="POST", headers=GIVEN, body=b"x")
    assert after("http://a/", "POST", first) == first


def test_a_post_that_is_redirected_as_a_get_has_no_body_and_no_content_type() -> None:
    again = after("http://a/", "GET", FirstRequest(method="POST", headers=GIVEN, body=b"x"))
    assert (again.method, again.headers, again.body) == ("GET", GIVEN[:3], None)


@pytest.mark.parametrize(
    ("jar", "given", "sent"),
    [
        ("a=1", "b=2", "a=1; b=2"),
        ("a=1", "a=2; b=2", "a=1; b=2"),
        ("", "a=2;b=3;", "a=2; b=3"),
        ("a=1", "", "a=1"),
        ("a=1; b==", " b=2 ; c", "a=1; b==; c"),
    ],
)
def test_a_cookie_is_sent_once_and_the_render_s_cookies_come_first(jar: str, given: str, sent: str) -> None:
    assert joined_cookies(jar, given) == sent


def test_the_first_request_can_leave_out_headers_of_the_render() -> None:
    first = FirstRequest(headers=(("X-G", "go"),), without=frozenset({"x-c"}))
    request = {"url": "http://a/", "method": "GET", "headers": {"X-C": "custom", "Accept": "*/*"}}
    names = [header["name"] for header in first.changes(request)["headers"]]
    assert names == ["Accept", "X-G"]
