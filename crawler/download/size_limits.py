"""Size limits of answers in addition to DOWNLOAD_MAXSIZE.

Scrapy compares DOWNLOAD_MAXSIZE with the bytes that are sent and with the output of each content encoding. It does not
limit the number of nested encodings, and a robots.txt may be as large as a page.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Self

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest, StopDownload
from scrapy.http import Response
from scrapy.http.request import NO_CALLBACK
from scrapy.spiders import SitemapSpider
from scrapy.utils import _compression
from scrapy.utils.gz import gzip_magic_number

from crawler.meta_keys import ROBOTS_BYTES

brotli, zstd = _compression.brotli, _compression.zstd  # type: ignore[attr-defined]  # the modules that Scrapy uses

MOST_ENCODINGS = 4  # of one answer; each may output DOWNLOAD_MAXSIZE bytes
CHUNK = 1 << 16  # bytes
# Scrapy's private class, the cause of its IgnoreRequest.
DECOMPRESSION_LIMIT = "_DecompressionMaxSizeExceeded"


class TooLarge(IgnoreRequest):
    """A file is larger than DOWNLOAD_MAXSIZE after decompression."""


class TooManyEncodings(IgnoreRequest):
    """An answer has more than MOST_ENCODINGS content encodings."""


def is_too_large(error: BaseException) -> bool:
    """Return whether a page failed because of DOWNLOAD_MAXSIZE, before or after decompression."""
    return (
        isinstance(error, TooLarge)
        or type(error).__name__ == "DownloadCancelledError"
        or type(error.__cause__).__name__ == DECOMPRESSION_LIMIT
    )


def asks_for_robots(request: Request) -> bool:
    """Return whether this is Scrapy's own request for a robots.txt, and not a spider's for a page of that name."""
    return request.callback is NO_CALLBACK and request.url.endswith("/robots.txt")


def encodings_of(response: Response) -> list[str]:
    """Return the names of a response's content encodings, in the order in which they were applied."""
    lists = [value.decode("latin-1") for value in response.headers.getlist("Content-Encoding")]
    return [name.strip().lower() for text in lists for name in text.split(",") if name.strip()]


def beginning(body: bytes, encodings: Sequence[str], limit: int) -> bytes:
    """Return at most ``limit`` bytes of the decompressed body; empty bytes if an encoding is unknown."""
    for name in reversed(encodings):
        if name == "identity":
            continue
        decode = _DECODERS.get(name)
        if decode is None:
            return b""
        body = _at_most(decode(body), limit)
    return body[:limit]


def _at_most(parts: Iterable[bytes], limit: int) -> bytes:
    found = bytearray()
    try:
        for part in parts:
            found += part
            if len(found) >= limit:
                break
    except (zlib.error, brotli.error, zstd.ZstdError, EOFError, OSError):
        pass  # cut off or broken: the bytes before that are used
    return bytes(found[:limit])


def _inflated(body: bytes, wbits: int) -> Iterable[bytes]:
    decoder = zlib.decompressobj(wbits)
    while part := decoder.decompress(body, CHUNK):
        yield part
        body = decoder.unconsumed_tail


def _deflated(body: bytes) -> Iterable[bytes]:
    has_head = len(body) > 1 and body[0] & 15 == 8 and int.from_bytes(body[:2]) % 31 == 0
    return _inflated(body, zlib.MAX_WBITS if has_head else -zlib.MAX_WBITS)


def _unbrotlied(body: bytes) -> Iterable[bytes]:
    decoder = brotli.Decompressor()
    part = decoder.process(body, output_buffer_limit=CHUNK)
    while part:
        yield part
        part = b"" if decoder.is_finished() else decoder.process(b"", output_buffer_limit=CHUNK)


def _unzstd(body: bytes) -> Iterable[bytes]:
    with zstd.ZstdFile(io.BytesIO(body)) as file:
        while part := file.read(CHUNK):
            yield part


_DECODERS: dict[str, Callable[[bytes], Iterable[bytes]]] = {
    "gzip": lambda body: _inflated(body, zlib.MAX_WBITS | 16),
    "x-gzip": lambda body: _inflated(body, zlib.MAX_WBITS | 16),
    "deflate": _deflated,
    "br": _unbrotlied,
    "zstd": _unzstd,
}


class PageSizeMiddleware:
    """The downloader middleware next to the download, where bodies are still compressed.

    It uses the first ROBOTSTXT_MAXSIZE bytes of a robots.txt, as RFC 9309 allows. It neither downloads nor decompresses
    more of it.
    """

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.robots_limit = crawler.settings.getint("ROBOTSTXT_MAXSIZE", 512 * 1024)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        middleware = cls(crawler)
        crawler.signals.connect(middleware.bytes_received, signals.bytes_received)
        return middleware

    def process_request(self, request: Request) -> None:
        """Turn Scrapy's size limit off for a robots.txt: it would leave the site without rules."""
        if self.robots_limit and asks_for_robots(request):
            request.meta["download_maxsize"] = 0
            ROBOTS_BYTES.set(request, 0)

    def bytes_received(self, data: bytes, request: Request) -> None:
        """Stop the download of a robots.txt at the limit."""
        if ROBOTS_BYTES.is_in(request):
            request.meta[ROBOTS_BYTES.name] += len(data)
            if request.meta[ROBOTS_BYTES.name] >= self.robots_limit:
                raise StopDownload(fail=False)

    def process_response(self, request: Request, response: Response) -> Response:
        """Return the response; of a robots.txt only its beginning, decompressed.

        Raises:
            TooManyEncodings: the answer has more than MOST_ENCODINGS.
            TooLarge: a compressed sitemap exceeds the limit after decompression.
        """
        encodings = encodings_of(response)
        if len(encodings) > MOST_ENCODINGS:
            raise TooManyEncodings(
                f"{response.url}: its body is compressed {len(encodings)} times, at most {MOST_ENCODINGS} are allowed"
            )
        if isinstance(self.crawler.spider, SitemapSpider) and gzip_magic_number(response):
            self._check_sitemap(request, response)
        if not ROBOTS_BYTES.is_in(request):
            return response
        body = beginning(response.body, encodings, self.robots_limit)
        if len(body) >= self.robots_limit:
            self._warn(response)
        response.headers.pop("Content-Encoding", None)
        return response.replace(body=body)

    def _check_sitemap(self, request: Request, response: Response) -> None:
        """Raise TooLarge if a compressed sitemap exceeds the limit. SitemapSpider would skip it with a warning."""
        limit = request.meta.get("download_maxsize", self.crawler.settings.getint("DOWNLOAD_MAXSIZE"))
        if limit and len(beginning(response.body, ["gzip"], limit + 1)) > limit:
            raise TooLarge(
                f"{response.url}: {len(response.body)} bytes, and more than {limit} after decompression"
            )

    def _warn(self, response: Response) -> None:
        assert self.crawler.stats is not None
        self.crawler.stats.inc_value("robotstxt/cut")
        spider = self.crawler.spider
        assert spider is not None
        spider.logger.warning(
            "%s is larger than %d bytes (ROBOTSTXT_MAXSIZE): later rules are not used",
            response.url,
            self.robots_limit,
        )
