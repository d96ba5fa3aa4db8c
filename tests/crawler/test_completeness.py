"""Whether a document is complete or cut off, by its compression, its end and its response in the renderer."""

from __future__ import annotations

import base64
import gzip
import zlib
from typing import Any

import brotli  # type: ignore[import-untyped]
import pytest

from crawler.page.completeness import (
    CUT,
    CUT_OFF,
    NEVER_ENDED,
    NO_END,
    cut_reason,
    lacks_end,
    packing_ends,
    rendered_ends,
)

BODY = b"<html><body>" + bytes(range(256)) * 500 + b"</body></html>"
RAW = zlib.compressobj(wbits=-15)
PACKED = {
    b"gzip": gzip.compress(BODY),
    b"x-gzip": gzip.compress(BODY) + gzip.compress(b"a second member"),
    b"deflate": zlib.compress(BODY),
    b" Deflate": RAW.compress(BODY) + RAW.flush(),
    b"br": brotli.compress(BODY),
}


@pytest.mark.parametrize("encoding", PACKED)
def test_a_compressed_body_that_is_cut_anywhere_has_no_end(encoding: bytes) -> None:
    packed = PACKED[encoding]
    assert packing_ends(packed, [encoding])
    for kept in (len(packed) - 1, len(packed) - 9, len(packed) // 2, 20):
        assert not packing_ends(packed[:kept], [encoding]), kept


@pytest.mark.parametrize("encoding", [*PACKED, b"identity", b""])
def test_a_body_that_is_not_compressed_as_its_header_says_counts_as_complete(encoding: bytes) -> None:
    assert packing_ends(b"<html>plain text", [encoding])
    assert packing_ends(b"", [encoding])


def test_a_compressed_body_with_bytes_after_its_end_is_complete() -> None:
    assert packing_ends(PACKED[b"gzip"] + b"\0\0\0", [b"gzip"])


def test_only_html_with_a_beginning_can_lack_its_end() -> None:
    assert lacks_end(b"<!doctype html><HTML lang=en>", b"<li>one")
    assert not lacks_end(b"<html>", b"</BODY>\n</HTML>\n")
    assert not lacks_end(b"<!doctype html><title>no tags</title>", b"<li>one")
    assert not lacks_end(b'{"json": 1}', b"}")


def document(html: bytes = b"<html><p>half", **known: Any) -> dict[str, Any]:
    text = base64.b64encode(html).decode()
    return {
        "ok": True,
        "status": 200,
        "size": 100,
        "version": "HTTP/1.1",
        "start": text,
        "tail": text,
        **known,
    }


LENGTH = {"content-length": "100"}
CHUNKED = {"transfer-encoding": "chunked"}
GZIP = {"content-encoding": "gzip"}


@pytest.mark.parametrize(
    ("known", "in_qt", "in_chromium"),
    [
        ({"ok": False} | LENGTH, CUT_OFF, CUT_OFF),
        ({"ok": False, "status": 404}, None, None),  # the site's own error
        (LENGTH, None, None),
        ({"size": 60} | LENGTH, CUT_OFF, None),  # Chromium reports this itself, and its size is another one
        (CHUNKED, NO_END, None),  # Qt does not always tell
        ({"version": "HTTP/2"}, NO_END, None),
        ({}, NO_END, NO_END),
        (CHUNKED | GZIP, NO_END, NO_END),
        (LENGTH | GZIP, NO_END, NO_END),
    ],
)
def test_a_rendered_document_is_complete_or_has_the_reason_why_not(
    known: dict[str, Any], in_qt: str | None, in_chromium: str | None
) -> None:
    assert rendered_ends(document(webkit="602.1", **known)) == in_qt
    assert rendered_ends(document(**known)) == in_chromium
    whole = document(b"<html><p>all</html>", **known)
    if known.get("ok", True) and known.get("size", 100) == 100:
        assert rendered_ends(whole) is None
        assert rendered_ends(whole | {"webkit": "602.1"}) is None


def test_the_flag_after_cut_is_the_reason() -> None:
    assert cut_reason([]) is None
    assert cut_reason(["cached", CUT, NO_END]) == NO_END
    assert cut_reason([CUT]) == NEVER_ENDED
