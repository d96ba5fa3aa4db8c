"""A kept page is read as it was: class, body, headers, status, and what a render script gave beside the page."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import scrapy_splash
from scrapy import Request
from scrapy.http import HtmlResponse, JsonResponse, Response, TextResponse, XmlResponse

from crawler.kept_page import (
    REJECTED,
    KeptPage,
    UnreadablePage,
    page_to_keep,
    pages_of,
    read_page,
    write_page,
)

URL = "https://shop.example/a?b=%C3%A9"


def kept_and_read(folder: Path, response: Response, request: str = "") -> KeptPage:
    page = page_to_keep(
        response,
        name="7/12",
        spider="shop",
        arguments={"country": "dk"},
        reason=REJECTED,
        why=["price is missing"],
        request=request or json.dumps({"url": URL}),
    )
    assert write_page(folder, page)
    return read_page(folder, "7/12")


@pytest.mark.parametrize(
    "response",
    [
        HtmlResponse(URL, body="<p>é</p>".encode("latin-1"), encoding="latin-1"),
        HtmlResponse(
            URL, body=b"<meta charset=cp1252><p>\x80\xff</p>", headers={"Content-Type": "text/html"}
        ),
        TextResponse(URL, body=b"a,b\n", headers={"X-Many": ["1", "2"]}, status=206, flags=["cached"]),
        XmlResponse(URL, body=b"<?xml version='1.0' encoding='utf-16'?>"),
        JsonResponse(URL, body=b'{"a": 1}', encoding="utf-8"),
        Response(URL, body=bytes(range(256))),
    ],
    ids=lambda response: type(response).__name__,
)
def test_a_plain_response_comes_back(tmp_path: Path, response: Response) -> None:
    page = kept_and_read(tmp_path, response)
    again = page.response(Request(URL))
    assert type(again) is type(response)
    for name in ("url", "status", "headers", "body", "flags"):
        assert getattr(again, name) == getattr(response, name), name
    if isinstance(response, TextResponse):
        assert isinstance(again, TextResponse) and again.text == response.text
    suffix = ".html" if isinstance(response, HtmlResponse) else ".body"
    assert (tmp_path / "7" / f"12{suffix}").read_bytes() == response.body
    assert (page.run_id, page.number, page.reason) == (7, 12, REJECTED)


def splash_answer(data: Any, **options: Any) -> Any:
    request = scrapy_splash.SplashRequest(URL, endpoint="execute", **options)
    return scrapy_splash.SplashJsonResponse(
        "http://splash/execute", body=json.dumps(data).encode(), request=request
    )


@pytest.mark.parametrize(
    "data",
    [
        {
            "html": "<p>é 📚</p>",
            "url": "https://shop.example/b",
            "http_status": 203,
            "pages": ["<p>1", "<p>2"],
        },
        {"body": base64.b64encode(b"{}").decode(), "headers": [{"name": "Content-Type", "value": "text/x"}]},
        {"png": "AAAA"},
        [1, 2],
        7,
    ],
    ids=["page", "body", "picture", "list", "number"],
)
@pytest.mark.parametrize("magic", [True, False])
def test_what_a_script_gave_comes_back(tmp_path: Path, data: Any, magic: bool) -> None:
    response = splash_answer(data, magic_response=magic)
    page = kept_and_read(tmp_path, response)
    again: Any = page.response(response.request)
    assert type(again) is type(response)
    assert again.data == response.data == data
    for name in ("url", "status", "headers", "body", "text"):
        assert getattr(again, name) == getattr(response, name), name
    assert again.request is response.request
    assert again.replace(body=b"<p>x</p>").data == data


@pytest.mark.parametrize("kind", [scrapy_splash.SplashTextResponse, scrapy_splash.SplashResponse])
def test_an_answer_of_another_endpoint_comes_back(tmp_path: Path, kind: Any) -> None:
    request = scrapy_splash.SplashRequest(URL)
    html = {"Content-Type": "text/html; charset=utf-8"}
    response = kind("http://splash/render.html", body="<p>é".encode(), headers=html, request=request)
    again = kept_and_read(tmp_path, response).response(request)
    assert (type(again), again.url, again.body) == (kind, URL, response.body)


def test_cookies_and_credentials_stay_where_they_are(tmp_path: Path) -> None:
    har = {
        "log": {"entries": [{"request": {"cookies": [1], "headers": [{"name": "Cookie", "value": "s3"}]}}]}
    }
    response = splash_answer({"html": "<p>", "cookies": [{"name": "a", "value": "s3"}], "har": har})
    response.headers["Set-Cookie"] = "s3"
    request = {
        "url": "https://user:s3@shop.example/",
        "headers": [
            ["Authorization", ["s3"]],
            ["cookie", ["s3"]],
            ["X-Api-Key", ["s3"]],
            ["Accept", ["*/*"]],
        ],
        "cookies": {"a": "s3"},
        "body": "password=s3",
        "meta": {
            "proxy": "http://u:s3@proxy",
            "http_user": "s3",
            "http_pass": "s3",
            "page": 3,
            "splash": {
                "splash_headers": {"Authorization": "s3"},
                "args": {
                    "url": "https://user:s3@shop.example/",
                    "cookies": ["s3"],
                    "headers": {"Authorization": "s3", "User-Agent": "us"},
                    "proxy": "s3",
                    "body": "s3",
                    "my_password": "s3",
                    "shop_token": "s3",
                    "wait": 1,
                },
            },
        },
    }
    page = kept_and_read(tmp_path, response, json.dumps(request))
    assert b"s3" not in b"".join(file.read_bytes() for file in (tmp_path / "7").iterdir())
    kept = json.loads(page.request)
    assert kept["headers"] == [["Accept", ["*/*"]]] and kept["meta"]["page"] == 3
    assert kept["meta"]["splash"]["args"] == {
        "url": "https://shop.example/", "headers": {"User-Agent": "us"}, "wait": 1,
    }  # fmt: skip


def test_a_page_is_there_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    page = page_to_keep(
        HtmlResponse(URL, body=b"<p>"),
        name="7/12",
        spider="s",
        arguments={},
        reason=REJECTED,
        why=[],
        request='{"url": ""}',
    )
    assert not write_page(tmp_path, page, limit=10)
    assert pages_of(tmp_path, 7) == []
    assert write_page(tmp_path, page, limit=10_000)
    assert pages_of(tmp_path, 7) == ["7/12"]
    (tmp_path / "7" / "12.html").unlink()
    with pytest.raises(UnreadablePage, match="not kept any more"):
        read_page(tmp_path, "7/12")
    (tmp_path / "7" / "12.json").write_text("{")
    with pytest.raises(UnreadablePage, match="JSONDecodeError"):
        read_page(tmp_path, "7/12")
