"""One render.* request, from its options to its result, on a tab that is lent to it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from renderer import baseurl, frames, screenshot
from renderer.archive import archive_of
from renderer.cdp import CommandFailed
from renderer.console import run_and_listen
from renderer.errors import BadOption, PageFailed
from renderer.first_request import FirstRequest
from renderer.http_client import HttpClient
from renderer.interception import Rules
from renderer.options import ImageOptions, RenderOptions, bad_argument, parse_viewport
from renderer.own_requests import OwnRequests
from renderer.script_errors import ScriptErrors
from renderer.script_errors import as_header as as_errors_header
from renderer.scroll import BadItem, scroll
from renderer.scroll import as_header as as_scroll_header
from renderer.tab import ScriptFailed, Tab, checked_html, html_expression
from renderer.wait_for import BadSelector, wait_for
from renderer.web_features import MEDIA, WebFeatures

JSON = "application/json"
FRAMES_TIMEOUT = 1.0


@dataclass(frozen=True, kw_only=True)
class Result:
    """What goes back to the client."""

    body: bytes
    content_type: str
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Visit:
    """A page that is loaded, waited for and ready to be shown."""

    tab: Tab
    options: RenderOptions
    script_result: Any = None
    found: bool | None = None  # the element of wait_for; None if nobody waited for one
    html: str | None = None  # as it was when the element came, where that is what is wanted
    console: tuple[str, ...] = ()
    scrolled: dict[str, Any] | None = None
    script_errors: list[dict[str, Any]] | None = None  # None if nobody asked

    @property
    def headers(self) -> dict[str, str]:
        """What the client should know besides the result."""
        headers = {}
        if self.found is not None:
            headers["X-Splashdown-Wait-For"] = "found" if self.found else "missing"
        if self.scrolled is not None:
            headers["X-Splashdown-Scroll"] = as_scroll_header(self.scrolled)
        if self.script_errors is not None:
            headers["X-Splashdown-Script-Errors"] = as_errors_header(self.script_errors)
        return headers


Show = Callable[[Visit], Awaitable[tuple[Any, str]]]


async def visit(
    tab: Tab,
    options: RenderOptions,
    *,
    wants_network: bool = False,
    wants_frames: bool = False,
    wants_html: bool = False,
) -> Visit:
    """Bring the tab to where the options say."""
    if wants_network:
        tab.network.turn_on()
        tab.network.keep_bodies(requests=options.request_body, responses=options.response_body)
    if options.resource_timeout:
        tab.limit_requests(options.resource_timeout)
    errors = ScriptErrors(tab) if options.script_errors else None
    if wants_frames or options.wait_for is None or options.scrolling is not None:
        tab.drawing.start()
    await _prepare(tab, options)
    html = None
    if options.wait_for is None:
        found = None
        await _load(tab, options, wants_frames)
    elif wants_html and not options.changes_what_is_found:
        found, html = await _wait_for(tab, options, html_expression(shadow_roots=options.shadow_roots))
    else:
        found, _ = await _wait_for(tab, options)
    scrolled = await _scroll(tab, options)
    if options.viewport == "full":
        await screenshot.set_viewport_full(tab)
    script_result, messages = await _run_script(tab, options)
    return Visit(
        tab=tab,
        options=options,
        script_result=script_result,
        found=found,
        html=checked_html(html) if found and html is not None else None,
        console=tuple(messages),
        scrolled=scrolled,
        script_errors=errors.errors if errors else None,
    )


async def _prepare(tab: Tab, options: RenderOptions) -> None:
    if options.viewport != "full":
        size = parse_viewport(options.viewport)
        if size != tab.viewport:
            await tab.set_viewport(*size)
    if options.rules != Rules():
        await tab.interception.set_rules(options.rules)
    if options.html5_media is not None:
        await tab.start_empty()
        await WebFeatures(tab).turn(MEDIA, options.html5_media)
    if not options.http2:
        await tab.interception.set_http2(False)
    headers = list(options.headers)
    for name, value in options.headers:
        # The only header that all requests of the render keep.
        if name.lower() == "user-agent":
            await tab.set_user_agent(value)
            headers.remove((name, value))
    first = FirstRequest(method=options.http_method, headers=tuple(headers), body=options.body)
    await tab.interception.change_first_document(first)


async def _load(tab: Tab, options: RenderOptions, wants_frames: bool) -> None:
    if not options.wait:
        await tab.stop_at_load()
    await _go(tab, options)
    if options.wait:
        await tab.stay(options.wait)
    elif wants_frames:
        await _wait_for_frames(tab)


async def _wait_for(tab: Tab, options: RenderOptions, take: str | None = None) -> tuple[bool, Any]:
    """Whether the element came, and what this JavaScript was at that moment, at which the page is stopped."""
    assert options.wait_for is not None
    try:
        found = await wait_for(tab, options.wait_for, options.wait_for_timeout, _go(tab, options), take)
    except BadSelector as error:
        bad_argument("wait_for", f"Not a selector: {error}")
    if options.wait:
        tab.drawing.start()
        await tab.stay(options.wait)
    await tab.start_empty()  # if there is no answer yet
    return found


async def _scroll(tab: Tab, options: RenderOptions) -> dict[str, Any] | None:
    if options.scrolling is None:
        return None
    try:
        return await scroll(tab, options.scrolling)
    except BadItem as error:
        bad_argument("scroll_item", f"Not a selector: {error}")


async def _wait_for_frames(tab: Tab) -> None:
    # Frames that the page made in its load event belong to what Splash shows.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(FRAMES_TIMEOUT):
            await tab.load.frames_loaded()


async def _go(tab: Tab, options: RenderOptions) -> None:
    if options.baseurl:
        await tab.set_content(*await baseurl.fetch(tab, options.url), options.baseurl)
    else:
        await tab.go(options.url)


async def _run_script(tab: Tab, options: RenderOptions) -> tuple[Any, list[str]]:
    """Its value, None if it has failed: the page is shown as it is then; and what it wrote to the console."""
    messages: list[str] = []
    if not options.js_source:
        return None, messages
    with contextlib.suppress(ScriptFailed, CommandFailed):  # also where the script leads elsewhere
        if options.include.console:
            result, messages = await run_and_listen(tab, options.js_source)
        else:
            result = await tab.run_script(options.js_source)
        if "objectId" in result:
            return await tab.value_of(result["objectId"]), messages
        return result.get("value"), messages
    return None, messages


# -- what the endpoints show


async def show_html(visit: Visit) -> tuple[Any, str]:
    html = visit.html
    if html is None:
        html = await visit.tab.html(shadow_roots=visit.options.shadow_roots)
    return html, "text/html; charset=utf-8"


async def show_png(visit: Visit) -> tuple[Any, str]:
    return await _picture(visit, "png"), "image/png"


async def show_jpeg(visit: Visit) -> tuple[Any, str]:
    return await _picture(visit, "jpeg"), "image/jpeg"


async def _picture(visit: Visit, kind: str) -> bytes:
    options = visit.options
    image: ImageOptions = options.image
    return await screenshot.take(visit.tab, kind, image, render_all=options.render_all)


async def show_json(visit: Visit) -> tuple[Any, str]:
    tab, options, include = visit.tab, visit.options, visit.options.include
    result = await frames.describe(
        tab, html=include.html, children=include.iframes, shadow_roots=options.shadow_roots
    )
    result["requestedUrl"] = options.url
    for kind in ("png", "jpeg"):
        if getattr(include, kind):
            result[kind] = base64.b64encode(await _picture(visit, kind)).decode("ascii")
    if include.script and visit.script_result:
        result["script"] = visit.script_result
    if include.console and visit.console:
        result["console"] = list(visit.console)
    await tab.network.bodies_read()
    if include.history:
        result["history"] = tab.network.history()
    if include.har:
        result["har"] = archive_of(tab, result["title"])
    if visit.found is not None:
        result["wait_for"] = "found" if visit.found else "missing"
    if visit.scrolled is not None:
        result["scroll"] = visit.scrolled
    if visit.script_errors is not None:
        result["script_errors"] = visit.script_errors
    return result, JSON


async def show_har(visit: Visit) -> tuple[Any, str]:
    title = await visit.tab.evaluate("document.title")
    await visit.tab.network.bodies_read()
    return archive_of(visit.tab, title), JSON


ENDPOINTS: dict[str, Show] = {
    "har": show_har,
    "html": show_html,
    "json": show_json,
    "png": show_png,
    "jpeg": show_jpeg,
}


async def render(tab: Tab, kind: str, options: RenderOptions) -> tuple[Any, str, dict[str, str]]:
    """Load the page and show it the way this endpoint does."""
    include = options.include
    wants_frames = kind in ("png", "jpeg") or include.iframes or include.png or include.jpeg
    wants_network = kind == "har" or (kind == "json" and (include.history or include.har))
    try:
        async with HttpClient(tab) as client:
            tab.interception.own = OwnRequests(tab, client)
            visited = await visit(
                tab,
                options,
                wants_network=wants_network,
                wants_frames=wants_frames,
                wants_html=kind == "html",
            )
            content, content_type = await ENDPOINTS[kind](visited)
    except PageFailed as error:
        raise error.as_render_error() from error
    except screenshot.PictureTooLarge as error:
        raise BadOption(
            {"type": "bad_argument", "argument": "render_all", "description": str(error)}
        ) from error
    return content, content_type, visited.headers
