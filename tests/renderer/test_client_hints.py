"""Client hints that a site requests in one render are not sent in another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web

from renderer.network.client_hints import DOCUMENTS_PER_CHECK, ClientHints
from tests.renderer.conftest import Client, Site

ASKED = "Sec-CH-UA-Full-Version-List, Sec-CH-UA-Arch, Sec-CH-UA-Bitness, Device-Memory"
HINTS = {name.strip().lower() for name in ASKED.split(",")}
DOCUMENT = "<p id=done>{}</p><img src=/image.gif>"


class AskingSite(Site):
    """Requests client hints on pages whose paths say so, and records the hints of its requests."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[
            tuple[str, set[str]]
        ] = []  # the requested main documents, and the hints of the requests
        self.posted: list[str] = []  # bodies of requests that had the header X-Mine

    async def answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        hints = HINTS & {name.lower() for name in request.headers}
        if request.headers.get("Sec-Fetch-Dest") == "document":
            self.sent.append((path, hints))
        if "X-Mine" in request.headers and request.method == "POST":
            self.posted.append(await request.text())
        headers = {"Accept-CH": ASKED} if "asks" in path or path == "/image.gif" else {}
        if "critical" in path and not hints:
            headers = {"Accept-CH": ASKED, "Critical-CH": "Sec-CH-UA-Arch"}
        if path.startswith("/redirect"):
            other = f"http://localhost:{request.url.port}"
            raise web.HTTPFound(f"{other}/plain" if "away" in path else "/plain", headers=headers)
        if path == "/meta":
            metas = f"<meta http-equiv=Accept-CH content='{ASKED}'><meta http-equiv=Delegate-CH content='{ASKED}'>"
            return web.Response(text=metas + DOCUMENT, content_type="text/html")
        if path == "/frame":
            return web.Response(text=f"{DOCUMENT}<iframe src=/asks></iframe>", content_type="text/html")
        return web.Response(text=DOCUMENT, content_type="text/html", headers=headers)


@pytest.fixture(scope="module")
def site() -> Iterator[AskingSite]:
    with AskingSite() as asking:
        yield asking


def hints_of_the_next_render(one_tab: Client, site: AskingSite, url: str) -> set[str]:
    site.sent.clear()
    one_tab.html(f"{url}/plain?next", wait_for="#done")
    assert [path for path, _ in site.sent] == [
        "/plain"
    ]  # no other document was requested between the two renders
    return site.sent[0][1]


@pytest.mark.parametrize(
    "arguments", [{"wait_for": "#done"}, {}, {"wait": 0.2}], ids=["wait_for", "load", "wait"]
)
@pytest.mark.parametrize("path", ["asks", "redirect-asks", "redirect-away-asks", "critical", "frame", "meta"])
def test_hints_that_a_site_requests_are_not_sent_in_the_next_render(
    one_tab: Client, site: AskingSite, path: str, arguments: dict[str, Any]
) -> None:
    site.sent.clear()
    one_tab.html(f"{site.url}/{path}", **arguments)
    assert hints_of_the_next_render(one_tab, site, site.url) == set()


def test_a_request_that_chromium_repeats_with_hints_has_the_headers_of_the_first_one(
    one_tab: Client, site: AskingSite
) -> None:
    site.sent.clear()
    one_tab.html(f"{site.url}/critical", headers={"X-Mine": "1"}, http_method="POST", body="mine")
    assert site.sent == [("/critical", set()), ("/critical", HINTS)]
    assert site.posted == ["mine", "mine"]


def test_hints_that_a_site_requests_are_sent_in_the_same_render(one_tab: Client, site: AskingSite) -> None:
    site.sent.clear()
    one_tab.main("splash:go(args.url .. '/asks') splash:go(args.url .. '/plain')", url=site.url)
    assert ("/plain", HINTS) in site.sent
    assert hints_of_the_next_render(one_tab, site, site.url) == set()


def test_few_documents_of_an_origin_without_hints_are_checked() -> None:
    hints = ClientHints()
    checks = [hints.needs_check(f"https://a.example/{n}") for n in range(2 * DOCUMENTS_PER_CHECK)]
    assert [n for n, is_due in enumerate(checks) if is_due] == [0, DOCUMENTS_PER_CHECK]
    assert hints.needs_check("https://b.example/")
    assert not hints.needs_check("about:blank")


def test_the_hints_of_every_document_of_an_origin_that_requests_them_are_cleared(
    one_tab: Client, site: AskingSite
) -> None:
    one_tab.html(f"{site.url}/plain?first", wait_for="#done")
    for number in range(3):
        one_tab.html(f"{site.url}/asks?{number}")
        one_tab.html(f"{site.url}/asks?{number}", wait_for="#done")
        assert hints_of_the_next_render(one_tab, site, site.url) == set()
