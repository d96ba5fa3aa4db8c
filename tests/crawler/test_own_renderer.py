"""The renderer that a crawl starts answers only this crawl."""

from __future__ import annotations

import base64
import urllib.error
import urllib.request

import pytest

from crawler.splash.extension import RendererProcess


def test_our_renderer_refuses_requests_without_its_token() -> None:
    process = RendererProcess([])
    url = process.start()
    try:
        # A site can redirect a plain request of the crawl to such a URL.
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"{url}/execute?lua_source=function+main()+end")
        basic = base64.b64encode(f"splashdown:{process.token}".encode()).decode()
        with urllib.request.urlopen(
            urllib.request.Request(f"{url}/_ping", headers={"Authorization": f"Basic {basic}"})
        ) as answer:
            assert answer.status == 200
    finally:
        process.stop()
