"""Makes Splash's arguments for the requests of ``SiteSpider.render`` and the methods like it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scrapy import Request

from crawler.meta_keys import RENDER

# Seconds beyond the wait, to load the page and to send the answer. Then Splash ends the render.
SPARE_SECONDS = 15.0
MAX_TIMEOUT = 90.0  # seconds; the default of Splash's --max-timeout


def render_request(
    url: str,
    *,
    script: str | None,
    script_name: str | None = None,
    script_is_ours: bool = False,
    wait_for: str | None,
    wait_timeout: float,
    plain_wait: float,
    images: bool = False,
    script_args: Mapping[str, Any] | None = None,
    busy_seconds: float = 0.0,
    **request: Any,
) -> Request:
    """Return a SplashRequest for a page on which ``wait_for`` (XPath or CSS) appears.

    ``crawler.splash.rendered_pages`` handles the answer.

    Args:
        script: Lua for ``/execute``; None renders with ``/render.json`` after ``plain_wait`` seconds.
        script_name: the name for the spider's ``render_script``; a resumed run gets the script's text from it.
        script_is_ours: the script does nothing that an endpoint of our renderer would not do in its place.
        wait_timeout: seconds until ``wait_for`` counts as missing.
        busy_seconds: seconds that the script may need in addition, to scroll or to click.
        request: arguments of ``scrapy.Request``.
    """
    from scrapy_splash import SplashRequest  # noqa: PLC0415 - here, because the import hook may be installed after this module is imported

    meta = {**request.pop("meta", {}), RENDER.name: {"wait_for": wait_for, "timeout": wait_timeout}}
    if script_name is not None:
        meta[RENDER.name]["script"] = script_name
        meta[RENDER.name]["is_ours"] = script_is_ours
    limit = min(MAX_TIMEOUT, wait_timeout + busy_seconds + SPARE_SECONDS)
    if script is None:
        args: dict[str, Any] = {"wait": plain_wait, "images": int(images), "timeout": limit}
        args |= {
            "html": 1,
            "history": 1,
            "response_body": 1,
        }  # the last two show whether the page is complete
        return SplashRequest(url, endpoint="render.json", args=args, meta=meta, **request)  # type: ignore[no-any-return]
    args = {
        "lua_source": script,
        "wait_for": wait_for,
        "wait_timeout": wait_timeout,
        "images": int(images),
        "timeout": limit,
        **(script_args or {}),
    }
    args = {name: value for name, value in args.items() if value is not None}
    return SplashRequest(  # type: ignore[no-any-return]
        url, endpoint="execute", args=args, cache_args=["lua_source"], meta=meta, **request
    )
