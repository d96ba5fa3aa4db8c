"""Broken pages: the list, and snapshots of hostile pages, which a browser shows without running or loading anything."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, update

from console.snapshots import is_name, text_of, without_links
from crawler.snapshots.page_snapshot import PageSnapshot, write_snapshot
from models import CrawlRequest, CrawlRun, RejectedItem
from models.crawl_order import CrawlOrder
from models.run import database_now
from models.session import make_sessions
from tests.console.conftest import Client

HOSTILE = b"""<!doctype html><html><head><meta http-equiv="refresh" content="0;url=https://evil.example/">
<base href="https://evil.example/"><LINK rel=preconnect href="https://evil.example">
<script>parent.document.title = "owned"</script></head>
<body onload="alert(1)"><a href="https://evil.example/">go</a><form action="/orders/1/withdraw" method=post></form>
<img src="https://evil.example/x.png"><p>caf\xe9 \xe2\x80\xae</p></body></html>"""

SNAPSHOT = PageSnapshot(
    name="7/12",
    spider="books",
    arguments={},
    reason="raised",
    why=["KeyError: <script>alert(1)</script>"],
    at=datetime(2026, 11, 29, 3, 4, 5, tzinfo=UTC),
    request=json.dumps({"url": "http://shop.example/", "headers": [["Accept", ["*/*"]]]}),
    url="http://shop.example/<script>?token=abc",
    status=200,
    headers=[("Content-Type", ["text/html"]), ("X-Note", ["<b>bold</b>"])],
    flags=[],
    kind="scrapy.http.response.html.HtmlResponse",
    encoding="cp1252",
    answer=None,
    body=HOSTILE,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "pages"


@pytest.fixture
def broken(engine: Engine, folder: Path) -> None:
    """Store run 7 with three failed pages and one with two rejected items, and the snapshots of two of them."""
    with make_sessions(engine).begin() as session:
        now = database_now(session)
        for run_id, spider in ((3, "quotes"), (7, "books")):
            session.add(
                CrawlRun(
                    id=run_id,
                    spider=spider,
                    arguments={},
                    scope=bytes([run_id]) * 32,
                    started_at=now - timedelta(hours=1),
                    finished_at=now,
                    verdict=1,
                    host="crawler-1",
                )
            )
        session.flush()
        for run_id, number, state in (
            (3, 1, "failed"),
            (7, 11, "failed"),
            (7, 12, "failed"),
            (7, 13, "done"),
        ):
            session.add(
                CrawlRequest(
                    run_id=run_id,
                    number=number,
                    identity=bytes([number]) * 20,
                    url=f"http://shop.example/{number}",
                    priority=0,
                    position=number,
                    depth=0,
                    state=state,
                    status=200,
                    error="Traceback (most recent call last):\n  File x\nKeyError: 'price'\n"
                    if state == "failed"
                    else None,
                    kept_page=f"{run_id}/{number}",
                )
            )
        for _ in range(2):
            session.add(
                RejectedItem(
                    run_id=7,
                    request_number=13,
                    spider="books",
                    table_name="book",
                    url="http://shop.example/13",
                    item={"title": "<script>alert(1)</script>"},
                    reasons={"price": "no number"},
                    keyed=True,
                    at=now,
                    kept_page="7/13",
                )
            )
    write_snapshot(folder, SNAPSHOT)
    write_snapshot(folder, replace(SNAPSHOT, name="7/13", reason="rejected", why=["price: no number"]))


def names(client: Client, query: str = "") -> list[str]:
    return [row["name"] for row in client.get(f"/api/v1/pages{query}").json["rows"]]


def test_the_list_has_failed_requests_and_rejected_items_of_the_newest_run_first(
    viewer: Client, broken: None
) -> None:
    assert names(viewer) == ["7/13", "7/12"], "the others have no files here"
    assert names(viewer, "?missing=true") == ["7/13", "7/12", "7/11", "3/1"]
    assert names(viewer, "?spider=quotes&missing=true") == ["3/1"]
    assert names(viewer, "?run_id=7&reason=rejected") == ["7/13"]
    text = viewer.text("/pages/?spider=books&missing=1")
    assert '<td class="text">KeyError: &#39;price&#39;</td>' in text, "a traceback is shown by its last line"
    assert "files not here" in text
    assert "7/13" in text
    assert "3/1" not in text
    assert "No broken page" in viewer.text("/pages/?spider=nobody")


def test_the_list_goes_on_after_each_page(viewer: Client, broken: None) -> None:
    found, after = [], ""
    for _ in range(5):
        answer = viewer.get(f"/api/v1/pages?limit=1&missing=true&after={after}").json
        found += [row["name"] for row in answer["rows"]]
        after = answer["after"] or ""
        if not after:
            break
    assert found == ["7/13", "7/12", "7/11", "3/1"]
    assert viewer.get("/pages/?run=x").status_code == 400


def test_a_page_that_a_replay_has_stored_is_not_broken(viewer: Client, broken: None, engine: Engine) -> None:
    with make_sessions(engine).begin() as session:
        session.execute(update(RejectedItem).values(replayed_at=database_now(session)))
        session.execute(update(CrawlRequest).where(CrawlRequest.number == 12).values(state="done"))
    assert names(viewer, "?missing=true") == ["7/11", "3/1"]


def test_the_page_shows_why_and_all_text_is_text(viewer: Client, broken: None) -> None:
    text = viewer.text("/pages/7/12")
    assert "KeyError: &lt;script&gt;" in text
    assert "<script>alert" not in text
    assert "<b>bold" not in text
    assert "token=abc" not in text
    assert 'sandbox=""' in text
    assert "café" in text, "the source has its encoding"
    assert "Replay now" not in text, "a viewer orders nothing"
    rejected = viewer.text("/pages/7/13")
    assert "no number" in rejected
    assert "<script>alert" not in rejected


def test_the_document_of_a_frame_can_do_nothing(viewer: Client, broken: None) -> None:
    response = viewer.get("/pages/7/12/document")
    assert response.headers["Content-Security-Policy"] == (
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
    )
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert response.content_type == "text/html; charset=utf-8"
    text = response.text.lower()
    for tag in ("<meta", "<base", "<link", "<a "):
        assert tag not in text
    assert "café" in text


@pytest.mark.parametrize(
    ("html", "shown"),
    [
        ("<A\nhref=x>y</A >", "<x-a\nhref=x>y</x-a >"),
        ("<abbr>a</abbr><article/>", "<abbr>a</abbr><article/>"),
        ("<META/http-equiv=refresh>", "<bgsound/http-equiv=refresh>"),
        ("<svg><a xlink:href=x>", "<svg><x-a xlink:href=x>"),
        ("<area href=x><base>", "<bgsound href=x><bgsound>"),
    ],
)
def test_links_become_elements_without_a_meaning(html: str, shown: str) -> None:
    assert without_links(html) == shown


@pytest.mark.parametrize("encoding", ["no-such-encoding", "rot13", "hex", "utf-16", "a\0b", None])
def test_a_wrong_encoding_is_no_error(
    viewer: Client, folder: Path, broken: None, encoding: str | None
) -> None:
    write_snapshot(folder, replace(SNAPSHOT, encoding=encoding))
    assert viewer.get("/pages/7/12").status_code == 200
    assert viewer.get("/pages/7/12/document").status_code == 200
    assert isinstance(text_of(b"\xff\xfe\xd8", encoding), str)


def test_a_page_of_5_megabytes_is_shown_in_part(viewer: Client, folder: Path, broken: None) -> None:
    write_snapshot(folder, replace(SNAPSHOT, body=b"<div>" * 1_000_000))
    text = viewer.text("/pages/7/12")
    assert len(text) < 500_000
    assert "here is its beginning" in text
    assert len(viewer.get("/pages/7/12/source").data) == 5_000_000


def test_binary_is_a_file_to_save(viewer: Client, folder: Path, broken: None) -> None:
    body = b"\x00\x01<script>\xff" * 100
    headers = [("Content-Type", ["application/pdf"])]
    kind = "scrapy.http.response.Response"
    write_snapshot(folder, replace(SNAPSHOT, body=body, headers=headers, kind=kind, encoding=None))
    assert "The body is no text" in viewer.text("/pages/7/12")
    assert viewer.get("/pages/7/12/document").status_code == 404
    response = viewer.get("/pages/7/12/source")
    assert response.data == body
    assert response.content_type == "application/octet-stream"
    assert response.headers["Content-Disposition"].startswith("attachment")
    assert viewer.get("/api/v1/pages/7/12/body").data == body


def test_the_source_is_text_also_if_it_is_html(viewer: Client, broken: None) -> None:
    response = viewer.get("/pages/7/12/source")
    assert response.content_type == "text/plain; charset=utf-8"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response.headers["Content-Security-Policy"]


def test_only_a_png_is_a_screenshot(viewer: Client, folder: Path, broken: None) -> None:
    file = folder / "7" / "12.png"
    file.write_bytes(b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')
    assert viewer.get("/pages/7/12/screenshot").status_code == 404
    assert "/screenshot" not in viewer.text("/pages/7/12")
    file.write_bytes(b"\x89PNG\r\n\x1a\n...")
    response = viewer.get("/pages/7/12/screenshot")
    assert response.content_type == "image/png"
    assert "/pages/7/12/screenshot" in viewer.text("/pages/7/12")


@pytest.mark.parametrize(
    "path",
    [
        "../../etc/passwd",
        "7/../7/12",
        "7/12/../../../etc/passwd",
        "%2e%2e/%2e%2e/etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "/etc/passwd",
        "%2Fetc%2Fpasswd",
        "7/12.json",
        "7\\12",
        "7/-1",
        "07/12",
        "7/\u0661",
        "99999999999/1",
        "2147483648/1",
    ],
)
def test_a_path_that_is_no_name_of_a_snapshot_is_not_found(viewer: Client, broken: None, path: str) -> None:
    for end in ("", "/document", "/source", "/screenshot"):
        assert viewer.get(f"/pages/{path}{end}").status_code in (404, 308), end
    assert viewer.get("/pages/7/12%00").status_code == 400


def test_a_symbolic_link_does_not_lead_out_of_the_folder(
    viewer: Client, operator: Client, folder: Path, broken: None, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    write_snapshot(outside, replace(SNAPSHOT, name="8/1", body=b"the secret of another folder"))
    (folder / "8").symlink_to(outside / "8")
    (folder / "7" / "12.html").unlink()
    (folder / "7" / "12.html").symlink_to(outside / "8" / "1.html")
    for path in ("8/1", "8/1/document", "8/1/source", "7/12/document", "7/12/source"):
        response = viewer.get(f"/pages/{path}")
        assert response.status_code == 404, path
        assert "the secret" not in response.text
    assert "the secret" not in viewer.get("/pages/7/12").text
    assert operator.post("/pages/8/1/orders", {"kind": "replay"}).status_code == 404
    assert viewer.get("/api/v1/pages/8/1/body").status_code == 404
    (folder / "9").symlink_to(folder / "9")
    assert viewer.get("/pages/9/1").status_code == 404


def test_a_snapshot_without_files_says_where_they_should_be(
    viewer: Client, folder: Path, broken: None
) -> None:
    text = viewer.text("/pages/7/11")
    assert str(folder / "7" / "11.json") in text
    assert "crawler-1" in text
    assert viewer.get("/pages/7/99").status_code == 404
    assert viewer.get("/pages/7/11/document").status_code == 404
    (folder / "7" / "12.html").unlink()
    assert "is not there any more" in viewer.text("/pages/7/12")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[1]",
        b'{"page": "/etc/passwd"}',
        b'{"page": ".html"}',
        b"\xff",
        b"[" * 100_000,
        b'{"page": ".html", "headers": [[1, 2], "x", ["a", ["b"]]], "at": 7, "why": "text", "status": "x"}',
    ],
)
def test_files_that_no_crawl_has_written_are_no_error(
    viewer: Client, folder: Path, broken: None, content: bytes
) -> None:
    (folder / "7" / "12.json").write_bytes(content)
    assert viewer.get("/pages/7/12").status_code == 200
    assert viewer.get("/pages/7/12/document").status_code in (200, 404)
    assert viewer.get("/api/v1/pages/7/12").status_code in (200, 404)
    assert "7/12" in names(viewer, "?missing=true")


def test_an_item_with_a_half_of_a_character_is_shown(viewer: Client, engine: Engine, broken: None) -> None:
    with engine.begin() as connection:
        connection.execute(update(RejectedItem).values(item={"title": ["\ud800 and \u202e"]}))
    text = viewer.text("/pages/7/13")
    assert "and" in text
    assert "\u202e" not in text


def test_an_operator_asks_for_a_replay_once(operator: Client, engine: Engine, broken: None) -> None:
    assert "Replay now" in operator.text("/pages/7/12")
    assert operator.post("/pages/7/12/orders", {"kind": "replay"}).status_code == 302
    assert operator.post("/pages/7/12/orders", {"kind": "replay"}).status_code == 302
    assert operator.post("/pages/7/12/orders", {"kind": "save-test"}).status_code == 302
    with engine.connect() as connection:
        found = connection.execute(select(CrawlOrder.__table__).order_by(CrawlOrder.id)).all()
    assert [(one.kind, one.arguments, one.run_id, one.spider) for one in found] == [
        ("replay", {"snapshot": "7/12"}, 7, "books"),
        ("save_test", {"snapshot": "7/12"}, 7, "books"),
    ]
    text = operator.text("/pages/7/12")
    assert "asked for this already" in text
    assert "asked to save test" in text
    assert operator.post("/pages/7/12/orders", {"kind": "start"}).status_code == 400
    again = operator.post("/api/v1/pages/7/12/orders", json={"kind": "replay"})
    assert again.status_code == 409
    assert operator.post("/api/v1/pages/7/13/orders", json={"kind": "replay"}).status_code == 201


def test_a_viewer_orders_no_replay(viewer: Client, engine: Engine, broken: None) -> None:
    assert viewer.post("/pages/7/12/orders", {"kind": "replay"}).status_code == 403
    assert viewer.post("/api/v1/pages/7/12/orders", json={"kind": "replay"}).status_code == 403
    with engine.connect() as connection:
        assert not connection.scalars(select(CrawlOrder.id)).all()


def test_a_page_that_yielded_nothing_can_be_saved_but_not_replayed(
    operator: Client, folder: Path, broken: None
) -> None:
    write_snapshot(folder, replace(SNAPSHOT, name="7/1", reason="empty", why=[]))
    text = operator.text("/pages/7/1")
    assert "Replay now" not in text
    assert "Save as a test" in text


def test_names_are_a_run_and_a_number() -> None:
    assert is_name("7/12")
    assert is_name("7/0")
    assert not any(map(is_name, ("7", "7/", "/7", "7/12\n", "7/12/1", "a/b", "7/1.2", "0/1")))
