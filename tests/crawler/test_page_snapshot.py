"""A snapshot restores a response: class, body, headers, status, and the answer of a render script."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import scrapy_splash
from scrapy import Request
from scrapy.http import HtmlResponse, JsonResponse, Response, TextResponse, XmlResponse

from crawler.page.snapshot_policy import REJECTED
from crawler.snapshots.page_snapshot import (
    PageSnapshot,
    UnreadableSnapshot,
    read_snapshot,
    snapshots_of_run,
    take_snapshot,
    with_its_secrets,
    write_snapshot,
)

URL = "https://shop.example/a?b=%C3%A9"


def saved_and_read(folder: Path, response: Response, request: str = "") -> PageSnapshot:
    page = take_snapshot(
        response,
        name="7/12",
        spider="shop",
        arguments={"country": "dk"},
        reason=REJECTED,
        why=["price is missing"],
        request=request or json.dumps({"url": URL}),
    )
    assert write_snapshot(folder, page)
    return read_snapshot(folder, "7/12")


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
def test_a_snapshot_restores_a_plain_response(tmp_path: Path, response: Response) -> None:
    page = saved_and_read(tmp_path, response)
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
def test_a_snapshot_restores_the_answer_of_a_script(tmp_path: Path, data: Any, magic: bool) -> None:
    response = splash_answer(data, magic_response=magic)
    page = saved_and_read(tmp_path, response)
    again: Any = page.response(response.request)
    assert type(again) is type(response)
    assert again.data == response.data == data
    for name in ("url", "status", "headers", "body", "text"):
        assert getattr(again, name) == getattr(response, name), name
    assert again.request is response.request
    assert again.replace(body=b"<p>x</p>").data == data


@pytest.mark.parametrize("kind", [scrapy_splash.SplashTextResponse, scrapy_splash.SplashResponse])
def test_a_snapshot_restores_the_answer_of_another_endpoint(tmp_path: Path, kind: Any) -> None:
    request = scrapy_splash.SplashRequest(URL)
    html = {"Content-Type": "text/html; charset=utf-8"}
    response = kind("http://splash/render.html", body="<p>é".encode(), headers=html, request=request)
    again = saved_and_read(tmp_path, response).response(request)
    assert (type(again), again.url, again.body) == (kind, URL, response.body)


def test_a_snapshot_has_no_cookies_and_credentials(tmp_path: Path) -> None:
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
    page = saved_and_read(tmp_path, response, json.dumps(request))
    assert b"s3" not in b"".join(file.read_bytes() for file in (tmp_path / "7").iterdir())
    saved = json.loads(page.request)
    assert saved["headers"] == [["Accept", ["*/*"]]] and saved["meta"]["page"] == 3
    assert saved["meta"]["splash"]["args"] == {
        "url": "https://shop.example/", "headers": {"User-Agent": "us"}, "wait": 1,
    }  # fmt: skip


def test_a_snapshot_gets_the_secrets_of_its_url_from_the_frontier(tmp_path: Path) -> None:
    url = "https://shop.example/item?token=s3&page=2&author=a"
    request = {
        "url": url,
        "cb_kwargs": {"session": "s3", "page": 2},
        "meta": {"splash": {"args": {"url": url}}},
    }
    page = saved_and_read(tmp_path, HtmlResponse(url, body=b"<p>"), json.dumps(request))
    assert b"s3" not in b"".join(file.read_bytes() for file in (tmp_path / "7").iterdir())
    assert page.url == "https://shop.example/item?token=***&page=2&author=a"
    assert json.loads(page.request)["cb_kwargs"] == {"session": "***", "page": 2}
    again = with_its_secrets(page, json.dumps(request))
    assert (again.url, json.loads(again.request)) == (url, request)
    assert with_its_secrets(page, None) == page


def test_a_snapshot_has_the_texts_of_the_page_unredacted(tmp_path: Path) -> None:
    data = {"html": "<p>", "pages": ["<a href='/x?token=1'>password: x</a>"], "key": "SKU-1", "author": "a"}
    page = saved_and_read(tmp_path, splash_answer({**data, "password": "s3", "cookies": ["s3"]}))
    assert page.answer is not None
    assert page.answer["data"] | {"html": "<p>"} == data


def test_a_snapshot_is_written_completely_or_not_at_all(tmp_path: Path) -> None:
    page = take_snapshot(
        HtmlResponse(URL, body=b"<p>"),
        name="7/12",
        spider="s",
        arguments={},
        reason=REJECTED,
        why=[],
        request='{"url": ""}',
    )
    assert not write_snapshot(tmp_path, page, limit=10)
    assert snapshots_of_run(tmp_path, 7) == []
    assert write_snapshot(tmp_path, page, limit=10_000)
    assert snapshots_of_run(tmp_path, 7) == ["7/12"]
    (tmp_path / "7" / "12.html").unlink()
    with pytest.raises(UnreadableSnapshot, match="not there any more"):
        read_snapshot(tmp_path, "7/12")
    (tmp_path / "7" / "12.json").write_text("{")
    with pytest.raises(UnreadableSnapshot, match="JSONDecodeError"):
        read_snapshot(tmp_path, "7/12")
