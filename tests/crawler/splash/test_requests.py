"""SplashRequest and SplashFormRequest: copies have the spider's choices."""

from __future__ import annotations

import pytest
from scrapy.exceptions import ScrapyDeprecationWarning
from scrapy.http import TextResponse
from scrapy.utils.request import request_from_dict
from scrapy_splash import SplashFormRequest, SplashRequest
from scrapy_splash.request import SplashRequest as ByModule

URL = "http://site.example/"


class Mine(ByModule):  # type: ignore[misc]
    def __init__(self, *args, **kwargs):
        super().__init__(*args, session_id=None, **kwargs)


def copies(request: SplashRequest) -> list[SplashRequest]:
    return [request, request.copy(), request.replace(priority=1).copy(), request_from_dict(request.to_dict())]


def test_copies_preserve_session_id_none() -> None:
    for request in copies(SplashRequest(URL, endpoint="execute", session_id=None)):
        assert "session_id" not in request.meta["splash"]
    for request in copies(SplashRequest(URL, endpoint="execute")):
        assert request.meta["splash"]["session_id"] == "default"


def test_a_copy_shares_the_values_in_meta_that_cannot_be_copied() -> None:
    generator = (number for number in ())  # the frontier puts the running callback into meta
    for request in copies(SplashRequest(URL, meta={"mine": generator})):
        assert request.meta["mine"] is generator


@pytest.mark.parametrize("chosen", [True, False])
def test_copies_preserve_http_status_from_error_code(chosen: bool) -> None:
    for request in copies(SplashRequest(URL, http_status_from_error_code=chosen)):
        assert request.meta["splash"]["http_status_from_error_code"] is chosen


def test_a_request_without_a_slot_policy_uses_the_setting() -> None:
    for request in copies(SplashRequest(URL)):
        assert "slot_policy" not in request.meta["splash"]
    for request in copies(SplashRequest(URL, slot_policy="single_slot")):
        assert request.meta["splash"]["slot_policy"] == "single_slot"


def test_a_users_subclass_of_splash_request_can_be_copied() -> None:
    for request in copies(Mine(URL, endpoint="execute")):
        assert isinstance(request, Mine) and "session_id" not in request.meta["splash"]


def test_a_script_without_a_url_needs_no_robots_txt() -> None:
    meta = SplashRequest(endpoint="execute", args={"lua_source": "..."}).meta
    assert meta["dont_obey_robotstxt"] and meta["allow_offsite"]
    assert "dont_obey_robotstxt" not in SplashRequest(URL).meta


def test_a_form_is_posted_with_its_content_type() -> None:
    for request in copies(SplashFormRequest(URL, formdata={"a": "1"}, headers={"X": "y"})):
        assert (request.method, request.body) == ("POST", b"a=1")
        assert request.headers["Content-Type"] == b"application/x-www-form-urlencoded"
        assert request.headers["X"] == b"y"
    assert (
        SplashFormRequest(URL, method="GET", formdata={"a": "1"})
        .meta["splash"]["args"]["url"]
        .endswith("?a=1")
    )
    assert SplashFormRequest(URL).method == "GET"


def test_a_form_of_a_page_is_filled_in() -> None:
    html = '<form action="/go" method="post"><input name="token" value="t"><input name="q"></form>'
    page = TextResponse(URL, body=html, encoding="utf-8")
    with pytest.warns(ScrapyDeprecationWarning):  # Scrapy deprecates it, but it works
        request = SplashFormRequest.from_response(page, formdata={"q": "x"}, args={"wait": 1})
    assert (request.url, request.method) == (URL + "go", "POST")
    assert set(request.body.split(b"&")) == {b"token=t", b"q=x"}
    assert request.meta["splash"]["args"] == {"url": URL + "go", "wait": 1}
