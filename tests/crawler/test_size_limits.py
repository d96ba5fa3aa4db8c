"""The size limits of compressed bodies: the beginning of a robots.txt, and sitemaps."""

from __future__ import annotations

import gzip
import zlib

import brotli
import pytest
from backports import zstd
from scrapy import Request
from scrapy.http import Response
from scrapy.spiders import SitemapSpider
from scrapy.utils.test import get_crawler

from crawler.download.size_limits import PageSizeMiddleware, TooLarge, beginning, is_too_large

TEXT = b"User-agent: *\nDisallow: /private\n" + b"# nothing\n" * 200_000
LIMIT = 100_000
RAW = zlib.compressobj(wbits=-15)
ENCODED = {
    "identity": TEXT,
    "gzip": gzip.compress(TEXT),
    "x-gzip": gzip.compress(TEXT),
    "deflate": zlib.compress(TEXT),
    "br": brotli.compress(TEXT),
    "zstd": zstd.compress(TEXT),
}


@pytest.mark.parametrize("name", ENCODED)
def test_no_more_than_the_limit_is_decompressed(name: str) -> None:
    assert beginning(ENCODED[name], [name], LIMIT) == TEXT[:LIMIT]


@pytest.mark.parametrize("name", ENCODED)
def test_a_body_that_is_cut_off_is_used_up_to_its_end(name: str) -> None:
    cut = ENCODED[name][: len(ENCODED[name]) * 9 // 10]
    assert TEXT.startswith(beginning(cut, [name], len(TEXT)))


def test_deflate_without_a_header_is_decompressed() -> None:
    assert beginning(RAW.compress(TEXT) + RAW.flush(), ["deflate"], LIMIT) == TEXT[:LIMIT]


def test_the_last_encoding_is_undone_first() -> None:
    assert beginning(gzip.compress(brotli.compress(TEXT)), ["br", "gzip"], LIMIT) == TEXT[:LIMIT]


@pytest.mark.parametrize("name", [*ENCODED, "lzma"])
def test_a_body_that_cannot_be_decompressed_is_empty_or_unchanged(name: str) -> None:
    assert beginning(b"\x1f\x8bnonsense", [name], LIMIT) in (b"", b"\x1f\x8bnonsense")


def test_a_sitemap_above_the_limit_raises_too_large() -> None:
    """Scrapy's spider would skip it as an invalid file, with a warning."""
    middleware = PageSizeMiddleware.from_crawler(get_crawler(settings_dict={"DOWNLOAD_MAXSIZE": LIMIT}))
    middleware.crawler.spider = SitemapSpider(name="map")
    request = Request("http://shop.example/sitemap.xml.gz")
    large = Response(request.url, body=gzip.compress(TEXT))
    with pytest.raises(TooLarge) as refused:
        middleware.process_response(request, large)
    assert is_too_large(refused.value)
    small = Response(request.url, body=gzip.compress(TEXT[:LIMIT]))
    assert middleware.process_response(request, small) is small
    assert middleware.process_response(request.replace(meta={"download_maxsize": 0}), large) is large
