"""The responses that are made of Splash's answers."""

from __future__ import annotations

import base64
import json
from ipaddress import ip_address
from typing import Any

import pytest
from scrapy.http import HtmlResponse
from scrapy_splash import SplashFormRequest, SplashJsonResponse, SplashRequest, SplashTextResponse

PAGE = "http://site.example/page"
SPLASH = "http://splash.example:8050/execute"
HERE = ip_address("127.0.0.1")


def answer(data: Any, status: int = 200, **options: Any) -> SplashJsonResponse:
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    request = SplashRequest(PAGE, endpoint="execute", **options)
    return SplashJsonResponse(SPLASH, status=status, body=body, request=request, ip_address=HERE)


PAGE_DATA = {
    "html": '<a href="next">é</a><form action="go"><input name="q"></form>',
    "url": PAGE,
    "http_status": 203,
    "headers": [{"name": "Set-Cookie", "value": "a=1"}, {"name": "Set-Cookie", "value": "b=2"}],
    "cookies": [],
}


def test_json_with_a_page_becomes_a_response_of_the_page() -> None:
    response = answer(PAGE_DATA)
    assert (response.url, response.real_url, response.status) == (PAGE, SPLASH, 203)
    assert (response.splash_response_status, response.css("a::text").get()) == (200, "é")
    assert response.headers.getlist("Set-Cookie") == [b"a=1", b"b=2"]


@pytest.mark.parametrize(
    "copied", [lambda r: r.copy(), lambda r: r.replace(body=r.body), lambda r: r.copy().copy()]
)
def test_a_copy_of_a_json_response_has_the_page_and_the_data(copied: Any) -> None:
    response = copied(answer(PAGE_DATA))
    assert (response.url, response.real_url, response.status) == (PAGE, SPLASH, 203)
    assert response.css("a::text").get() == "é"
    assert (response.data["cookies"], response.ip_address) == ([], HERE)
    assert response.request.meta["splash"]["magic_response"] is True


def test_a_copied_text_response_has_scrapys_newer_attributes() -> None:
    page = SplashTextResponse(
        SPLASH, body=b"x", request=SplashRequest(PAGE), ip_address=HERE, protocol="HTTP/1.1"
    )
    copied = page.copy()
    assert (copied.url, copied.real_url, copied.ip_address, copied.protocol) == (
        PAGE,
        SPLASH,
        HERE,
        "HTTP/1.1",
    )
    plain = page.replace(cls=HtmlResponse)
    assert type(plain) is HtmlResponse and plain.url == PAGE


@pytest.mark.parametrize("data", [[1, "url"], None, 5, "html", True, b"<html>no JSON</html>", b""])
def test_an_answer_that_is_no_object_is_not_parsed_as_a_page(data: Any) -> None:
    response = answer(data)
    assert (response.url, response.status) == (PAGE, 200)


def test_an_image_in_body_becomes_bytes() -> None:
    picture = b"\x89PNG\xff"
    response = answer({"body": base64.b64encode(picture).decode(), "headers": {"X-A": "b"}})
    assert response.body == picture
    assert response.headers["X-A"] == b"b"


@pytest.mark.parametrize("info", ["text", None, [], {"error": None}, {"error": "network3"}])
def test_an_error_without_a_status_of_the_site_has_the_status_of_splash(info: Any) -> None:
    assert answer({"error": 500, "info": info}, 500).status == 500


@pytest.mark.parametrize(("asked", "status"), [(True, 404), (False, 400)])
def test_http_status_from_error_code_sets_the_status_of_the_site(asked: bool, status: int) -> None:
    error = {"error": 400, "info": {"error": "http404"}}
    response = answer(error, 400, http_status_from_error_code=asked)
    assert (response.status, response.splash_response_status) == (status, 400)


@pytest.mark.filterwarnings("ignore:FormRequest.from_response")
def test_a_form_of_a_json_response_has_the_url_of_the_page() -> None:
    request = SplashFormRequest.from_response(answer(PAGE_DATA), formdata={"q": "1"})
    assert request.url == "http://site.example/go?q=1"
