"""From "this page, when that is on it" to Splash's arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scrapy import Request

RENDER = "render"  # the key in Request.meta that says how a request of ours is rendered

# Beyond what is waited for: loading the page, and the answer's way back. Splash ends a render after it.
SPARE_SECONDS = 15.0
MAX_TIMEOUT = 90.0  # Splash's own --max-timeout, unless its operator raised it


def render_request(
    url: str,
    *,
    script: str | None,
    script_name: str | None = None,
    wait_for: str | None,
    wait_timeout: float,
    plain_wait: float,
    images: bool = False,
    script_args: Mapping[str, Any] | None = None,
    busy_seconds: float = 0.0,
    **request: Any,
) -> Request:
    """A SplashRequest whose answer is the page with ``wait_for`` (XPath or CSS) on it, or a clear failure.

    Args:
        script: Lua for ``/execute``; None renders through ``/render.html`` after a ``plain_wait``.
        script_name: by which the spider's ``render_script`` knows it; a resumed run takes its text from there.
        wait_timeout: seconds until ``wait_for`` counts as missing.
        busy_seconds: what the script may take beyond that: scrolling, clicking.
        request: what ``scrapy.Request`` takes.

    See ``crawler.splash.rendered`` for what becomes of the answer.
    """
    from scrapy_splash import SplashRequest  # noqa: PLC0415 - mended on import, which .pth files may not have done

    meta = {**request.pop("meta", {}), RENDER: {"wait_for": wait_for, "timeout": wait_timeout}}
    if script_name is not None:
        meta[RENDER]["script"] = script_name
    limit = min(MAX_TIMEOUT, wait_timeout + busy_seconds + SPARE_SECONDS)
    if script is None:
        args: dict[str, Any] = {"wait": plain_wait, "images": int(images), "timeout": limit}
        return SplashRequest(url, endpoint="render.html", args=args, meta=meta, **request)  # type: ignore[no-any-return]
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
