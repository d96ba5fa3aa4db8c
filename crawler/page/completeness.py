"""Whether an answer came to its end, as far as HTTP, its packing and its HTML tell."""

from __future__ import annotations

import base64
import sys
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import brotli  # type: ignore[import-untyped]  # Scrapy brings it, and zstd

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CUT = "cut"  # the flag of a response that may lack its end; the flag after it says why

CUT_OFF = "its answer was cut off before its end"
WITHOUT_BUTTON = (
    "without next_button"  # the flag of a list whose button was never there; the flag after it is the button
)

NEVER_ENDED = "its document never ended"
NO_END = "its HTML has no end, and nothing says that it was to have none"

LOOK = 400  # bytes at both ends of a page in which its tags are looked for
CHUNK = 65_536


def cut_reason(flags: Sequence[str]) -> str | None:
    """Why the response with these flags may lack its end."""
    return _after(flags, CUT, NEVER_ENDED)


def missing_button(flags: Sequence[str]) -> str | None:
    """Return the next_button that was on no page of the response with these flags."""
    return _after(flags, WITHOUT_BUTTON, "")


def _after(flags: Sequence[str], flag: str, default: str) -> str | None:
    if flag not in flags:
        return None
    return next(iter(flags[flags.index(flag) + 1 :]), default)


def lacks_end(start: bytes, tail: bytes) -> bool:
    """Whether HTML says where it begins and not where it ends."""
    start, tail = start.lower(), tail.lower()
    return (b"<html" in start or b"<body" in start) and b"</html" not in tail and b"</body" not in tail


def rendered_ends(document: Mapping[str, Any]) -> str | None:
    """What is wrong with the end of a document that a browser has shown: CUT_OFF, NO_END, or None.

    Args:
        document: what ``spiders/lua/page.lua`` knows of its answer.
    """
    if document.get("status", 0) >= 400:
        return None
    if not document.get("ok", True):
        return CUT_OFF
    length, encoding = document.get("content-length"), document.get("content-encoding")
    in_qt = bool(document.get("webkit"))
    if not encoding:
        # Qt counts the bytes, and now and then does not tell that there are too few. Chromium always tells.
        if length is not None:
            return CUT_OFF if in_qt and document.get("size", 0) < int(length) else None
        framed = document.get("transfer-encoding") or str(document.get("version", "")).startswith(
            ("HTTP/2", "HTTP/3")
        )
        if framed and not in_qt:
            return None
    start, tail = (base64.b64decode(document.get(part) or "") for part in ("start", "tail"))
    return NO_END if lacks_end(start, tail) else None


def packing_ends(body: bytes, encodings: list[bytes]) -> bool:
    """Whether a body's outermost packing (the last of its Content-Encoding) comes to its end.

    What is not packed as it says, or in a way that is not known here, is left to whoever unpacks it.
    """
    ends = PACKINGS.get(encodings[-1].strip().lower()) if encodings else None
    return ends is None or not body or ends(body)


def _gzip_ends(body: bytes) -> bool:
    """Of several members, whichever is the last; zeros and other rubbish after it are not missed."""
    rest = body
    while rest[:2] == b"\x1f\x8b":
        unpacking = zlib.decompressobj(wbits=31)
        if not _inflates(unpacking, rest):
            return False
        rest = unpacking.unused_data
    return True


def _deflate_ends(body: bytes) -> bool:
    try:
        return _inflates(zlib.decompressobj(), body)
    except zlib.error:
        pass
    try:
        return _inflates(zlib.decompressobj(wbits=-15), body)
    except zlib.error:
        return True


def _inflates(unpacking: Any, body: bytes) -> bool:
    data = body
    while data and not unpacking.eof:
        unpacking.decompress(data, CHUNK)
        data = unpacking.unconsumed_tail
    return bool(unpacking.eof)


def _brotli_ends(body: bytes) -> bool:
    unpacking = brotli.Decompressor()
    try:
        unpacked = unpacking.process(body, output_buffer_limit=CHUNK)
        while unpacked and not unpacking.is_finished():
            unpacked = unpacking.process(b"", output_buffer_limit=CHUNK)
    except brotli.error:
        return True
    return bool(unpacking.is_finished())


def _zstd_ends(body: bytes) -> bool:
    rest = body
    while rest:
        unpacking = zstd.ZstdDecompressor()
        data = rest
        try:
            while not unpacking.eof:
                if not data and unpacking.needs_input:
                    return False
                unpacking.decompress(data, CHUNK)
                data = b""
        except zstd.ZstdError:
            return True
        rest = unpacking.unused_data
    return True


PACKINGS: dict[bytes, Callable[[bytes], bool]] = {
    b"gzip": _gzip_ends,
    b"x-gzip": _gzip_ends,
    b"deflate": _deflate_ends,
    b"br": _brotli_ends,
    b"zstd": _zstd_ends,
}
