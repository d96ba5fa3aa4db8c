"""A site whose pages come in pieces, stall, or are cut off, in each way that HTTP has for it."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import re
import socket
import struct
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import brotli  # type: ignore[import-untyped]

ROWS = 20  # articles of a page, half of them before the break
PAUSE = 0.3  # seconds between two pieces
HANG = 120.0  # seconds that a stalled answer stays open, longer than any timeout

# The outcomes of a page: all its rows; no rows and a failed page; the rows that came, and the run reports it as cut.
COMPLETE, FAILED, CUT = "complete", "failed", "cut"


def rows_of(number: int, part: str = "") -> list[str]:
    """Return the ids of the articles of a page."""
    return [f"{part}{number}-{row}" for row in range(ROWS)]


def html_of(number: int, part: str = "") -> tuple[str, str]:
    """Return the two parts of a page; the break is between two articles.

    Pages with even numbers are smaller than 512 bytes: browsers wait for so many before they parse a page.
    """
    text = f"<p>{'All of it is there. ' * 30}</p>" if number % 2 else ""
    articles = [f"<article id='{row}'><h2>{row}</h2>{text}</article>" for row in rows_of(number, part)]
    button = "<a class=next href='?part=2-'>next</a>" if not part else ""
    head = f"<!DOCTYPE html><html><head><title>{number}</title></head><body><main>"
    tail = f"</main>{button}<a id=more href='/more/{number}'>more</a></body></html>"
    return head + "".join(articles[: ROWS // 2]), "".join(articles[ROWS // 2 :]) + tail


FORM = (
    "<!DOCTYPE html><html><body><form method=post action='{action}'><input name=user><input name=pass type=password>",
    "<button>go</button></form></body></html>",
)


class Wire:
    """One answer on its connection."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer

    async def head(self, *lines: str, version: str = "1.1", kind: str = "text/html; charset=utf-8") -> None:
        text = "\r\n".join([f"HTTP/{version} 200 OK", f"Content-Type: {kind}", "Connection: close", *lines])
        await self.send(text.encode() + b"\r\n\r\n")

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def chunk(self, data: bytes) -> None:
        await self.send(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def reset(self) -> None:
        """End the connection with RST, which is never the end of an answer."""
        sock = self.writer.get_extra_info("socket")
        with contextlib.suppress(OSError):  # the client was quicker
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Send = Callable[[Wire, bytes, bytes], Any]


async def _at_once(wire: Wire, first: bytes, rest: bytes) -> None:
    await wire.head(f"Content-Length: {len(first + rest)}")
    await wire.send(first + rest)


async def _two_pieces(wire: Wire, first: bytes, rest: bytes) -> None:
    await wire.head(f"Content-Length: {len(first + rest)}")
    await wire.send(first)
    await asyncio.sleep(PAUSE)
    await wire.send(rest)


async def _three_pieces(wire: Wire, first: bytes, rest: bytes) -> None:
    await wire.head("Transfer-Encoding: chunked")
    middle = len(rest) // 2
    for piece in (first, rest[:middle], rest[middle:]):
        await wire.chunk(piece)
        await asyncio.sleep(PAUSE)
    await wire.send(b"0\r\n\r\n")


async def _until_close(wire: Wire, first: bytes, rest: bytes) -> None:
    await wire.head(version="1.0")
    await wire.send(first)
    await asyncio.sleep(PAUSE)
    await wire.send(rest)


async def _stalls(wire: Wire, first: bytes, rest: bytes) -> None:
    await wire.head(f"Content-Length: {len(first + rest)}")
    await wire.send(first)
    await asyncio.sleep(HANG)


async def _chunks_stall(wire: Wire, first: bytes, rest: bytes) -> None:
    await wire.head("Transfer-Encoding: chunked")
    await wire.chunk(first)
    await asyncio.sleep(HANG)


async def _never_closed(wire: Wire, first: bytes, rest: bytes) -> None:
    await wire.head("Transfer-Encoding: chunked")
    await wire.chunk(first + rest)
    await asyncio.sleep(HANG)


async def _drips(wire: Wire, first: bytes, rest: bytes) -> None:
    await wire.head("Transfer-Encoding: chunked")
    await wire.chunk(first + rest[: rest.index(b"</body>")])
    for _ in range(int(HANG / PAUSE)):
        await wire.chunk(b"<hr>")
        await asyncio.sleep(PAUSE)


async def _short(wire: Wire, first: bytes, rest: bytes) -> None:
    await wire.head(f"Content-Length: {len(first + rest)}")
    await wire.send(first)
    await asyncio.sleep(PAUSE)


async def _short_at_once(wire: Wire, first: bytes, rest: bytes) -> None:
    await wire.head(f"Content-Length: {len(first + rest)}")
    await wire.send(first)


async def _unended(wire: Wire, first: bytes, rest: bytes) -> None:
    await wire.head("Transfer-Encoding: chunked")
    await wire.chunk(first)
    await asyncio.sleep(PAUSE)


async def _partial_chunk(wire: Wire, first: bytes, rest: bytes) -> None:
    await wire.head("Transfer-Encoding: chunked")
    await wire.send(f"{len(first + rest):x}\r\n".encode() + first)
    await asyncio.sleep(PAUSE)


async def _reset(wire: Wire, first: bytes, rest: bytes) -> None:
    await wire.head(f"Content-Length: {len(first + rest)}")
    await wire.send(first)
    await asyncio.sleep(PAUSE)
    wire.reset()


async def _chunks_reset(wire: Wire, first: bytes, rest: bytes) -> None:
    await wire.head("Transfer-Encoding: chunked")
    await wire.chunk(first)
    await asyncio.sleep(PAUSE)
    wire.reset()


async def _until_reset(wire: Wire, first: bytes, rest: bytes) -> None:
    await wire.head(version="1.0")
    await wire.send(first)
    await asyncio.sleep(PAUSE)
    wire.reset()


async def _until_early_close(wire: Wire, first: bytes, rest: bytes) -> None:
    await wire.head(version="1.0")
    await wire.send(first)


def _packed(encoding: str, pack: Callable[[bytes], bytes]) -> Send:
    async def send(wire: Wire, first: bytes, rest: bytes) -> None:
        packed = pack(first + rest)
        await wire.head(f"Content-Encoding: {encoding}", f"Content-Length: {len(packed)}")
        await wire.send(packed)

    return send


def _packed_in_two(wire: Wire, first: bytes, rest: bytes) -> Any:
    packing = zlib.compressobj(wbits=31)
    front = packing.compress(first) + packing.flush(zlib.Z_SYNC_FLUSH)
    back = packing.compress(rest) + packing.flush()

    async def send() -> None:
        await wire.head("Content-Encoding: gzip", f"Content-Length: {len(front + back)}")
        await wire.send(front)
        await asyncio.sleep(PAUSE)
        await wire.send(back)

    return send()


def _packed_and_cut(encoding: str, start: Callable[[bytes, bytes], bytes]) -> Send:
    """Return a sender of an answer with the right length, whose compressed stream has no end."""

    async def send(wire: Wire, first: bytes, rest: bytes) -> None:
        packed = start(first, rest)
        await wire.head(f"Content-Encoding: {encoding}", f"Content-Length: {len(packed)}")
        await wire.send(packed)

    return send


def _gzip_start(first: bytes, rest: bytes) -> bytes:
    packing = zlib.compressobj(wbits=31)
    return packing.compress(first) + packing.flush(zlib.Z_SYNC_FLUSH)


def _deflate_start(first: bytes, rest: bytes) -> bytes:
    packing = zlib.compressobj()
    return packing.compress(first) + packing.flush(zlib.Z_SYNC_FLUSH)


def _brotli_start(first: bytes, rest: bytes) -> bytes:
    packing = brotli.Compressor()
    return bytes(packing.process(first) + packing.flush())


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How the pages of a kind are sent, and their expected outcome."""

    send: Send
    ends: str


KINDS: dict[str, Kind] = {
    "at-once": Kind(send=_at_once, ends=COMPLETE),
    "two-pieces": Kind(send=_two_pieces, ends=COMPLETE),
    "three-pieces": Kind(send=_three_pieces, ends=COMPLETE),
    "until-close": Kind(send=_until_close, ends=COMPLETE),
    "gzip": Kind(send=_packed("gzip", gzip.compress), ends=COMPLETE),
    "gzip-two-pieces": Kind(send=_packed_in_two, ends=COMPLETE),
    "stalls": Kind(send=_stalls, ends=CUT),
    "chunks-stall": Kind(send=_chunks_stall, ends=CUT),
    "never-closed": Kind(send=_never_closed, ends=CUT),
    "drips": Kind(send=_drips, ends=CUT),
    "short": Kind(send=_short, ends=FAILED),
    "short-at-once": Kind(send=_short_at_once, ends=FAILED),
    "unended": Kind(send=_unended, ends=FAILED),
    "partial-chunk": Kind(send=_partial_chunk, ends=FAILED),
    "reset": Kind(send=_reset, ends=FAILED),
    "chunks-reset": Kind(send=_chunks_reset, ends=FAILED),
    "until-reset": Kind(send=_until_reset, ends=FAILED),
    "until-early-close": Kind(send=_until_early_close, ends=CUT),
    "gzip-cut": Kind(send=_packed_and_cut("gzip", _gzip_start), ends=FAILED),
    "deflate-cut": Kind(send=_packed_and_cut("deflate", _deflate_start), ends=FAILED),
    "brotli-cut": Kind(send=_packed_and_cut("br", _brotli_start), ends=FAILED),
}


@dataclass
class IncompleteSite:
    """``/KIND/NUMBER`` is a page, ``?part=2-`` is behind its button, ``/form/KIND/NUMBER`` has a form before it."""

    url: str = ""
    hits: Counter[str] = field(default_factory=Counter)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            length = re.search(r"^content-length: *(\d+)", head, re.I | re.M)
            if length:
                await reader.readexactly(int(length[1]))
            path = head.split(" ")[1]
            self.hits[path] += 1
            await self._send(Wire(writer), path)
        with contextlib.suppress(ConnectionError):
            writer.close()

    async def _send(self, wire: Wire, path: str) -> None:
        found = re.fullmatch(r"(/form)?/([a-z-]+)/(\d+)(?:\?part=(2-))?", path)
        if not found or found[2] not in KINDS:
            # Also for robots.txt: the site has none.
            await wire.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        form, kind, number, part = found.groups()
        page = html_of(int(number), part or "")
        parts = (FORM[0].format(action=f"/{kind}/{number}"), FORM[1]) if form else page
        await KINDS[kind].send(wire, *(half.encode() for half in parts))


@contextlib.contextmanager
def incomplete_site() -> Iterator[IncompleteSite]:
    """Run the site on a thread of its own, and yield it."""
    site, ready, loop = IncompleteSite(), threading.Event(), asyncio.new_event_loop()

    def run() -> None:
        asyncio.set_event_loop(loop)
        server = loop.run_until_complete(asyncio.start_server(site.answer, "127.0.0.1", 0))
        site.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()
        loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(10)
    yield site
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
