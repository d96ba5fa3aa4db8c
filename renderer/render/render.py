"""One render.* request, from its options to its result, on a tab of the pool."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import string
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from renderer.chromium.cdp import CommandFailed, TargetGone
from renderer.errors import BadOption, PageFailed, RenderError, page_failure
from renderer.network.blocking_rules import Rules
from renderer.network.first_request import FirstRequest
from renderer.network.har import readable_url
from renderer.render import baseurl, frames, screenshot
from renderer.render.archive import archive_of
from renderer.render.http_client import HttpClient
from renderer.render.needs import Needs, needs_of
from renderer.render.options import ImageOptions, RenderOptions, bad_argument, parse_viewport
from renderer.render.own_requests import OwnRequests
from renderer.render.page_result import needs_body, page_result
from renderer.render.reason_phrase import restore_phrase
from renderer.render.scroll import BadScrollSelector, scroll
from renderer.render.scroll import as_header as as_scroll_header
from renderer.render.storage import restore_storage, stored
from renderer.render.unheld_page import NavigatingSites, PageNavigated, UnheldPage
from renderer.render.wait_for import BadSelector, Found, wait_for
from renderer.tab.cleaning import clean
from renderer.tab.console import run_and_listen
from renderer.tab.document import ScriptFailed
from renderer.tab.document_html import checked_html, html_expression
from renderer.tab.given_cookies import GivenCookies
from renderer.tab.script_errors import ScriptErrors
from renderer.tab.script_errors import as_header as as_errors_header
from renderer.tab.tab import Tab
from renderer.tab.web_features import MEDIA, WebFeatures

JSON = "application/json"
FRAMES_TIMEOUT = 1.0


@dataclass(frozen=True, kw_only=True)
class Result:
    """The answer to the client."""

    body: bytes
    content_type: str
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Visit:
    """A loaded page, after all waits and scripts, ready for the result."""

    tab: Tab
    options: RenderOptions
    cookies: GivenCookies
    script_result: Any = None
    loads: bool = True  # whether the load event came in time
    found: bool | None = None  # whether the element of wait_for came; None without wait_for
    is_complete: bool = True  # the document was read to its end
    html: str | None = None  # the HTML at the time when the element came, if the result is only the HTML
    console: tuple[str, ...] = ()
    scrolled: dict[str, Any] | None = None
    script_errors: list[dict[str, Any]] | None = None  # None without the argument script_errors

    @property
    def document(self) -> str:
        """Return ``complete``, or ``stalled`` if the document did not end and nothing more of it came."""
        return "complete" if self.is_complete else "stalled"

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers that tell the client how the render went."""
        headers = {"X-Splashdown-Document": self.document}
        if url := self.tab.load.url:
            headers["X-Splashdown-Url"] = quote(url, safe=string.punctuation)
        if self.found is not None:
            headers["X-Splashdown-Wait-For"] = "found" if self.found else "missing"
        if self.scrolled is not None:
            headers["X-Splashdown-Scroll"] = as_scroll_header(self.scrolled)
        if self.script_errors is not None:
            headers["X-Splashdown-Script-Errors"] = as_errors_header(self.script_errors)
        return headers


Show = Callable[[Visit], Awaitable[tuple[Any, str]]]


async def visit(tab: Tab, options: RenderOptions, needs: Needs, page: UnheldPage | None = None) -> Visit:
    """Load the page, wait, scroll and run the script, as the options say.

    Args:
        page: loads the page without holding its redirects.

    Raises:
        PageNavigated: the page has to be loaded with its redirects held.
        PageFailed: the page cannot be loaded.
        ScriptFailed: the page has replaced functions that the renderer calls.
        BadOption: a selector is not valid.
    """
    if needs.network:
        tab.network.turn_on()
        tab.network.keep_bodies(requests=options.request_body, responses=options.response_body)
    elif needs.document:
        tab.network.watch_documents(needs_body)
    else:
        tab.network.disable_unused()
    if options.resource_timeout:
        await tab.limit_requests(options.resource_timeout)
    cookies = GivenCookies(tab)
    if options.cookies:
        await _set_cookies(cookies, options.cookies)
    if options.storage is not None:
        await restore_storage(tab, options.storage)
    errors = ScriptErrors(tab) if options.script_errors else None
    if options.wait_for is None and not needs.drawing and not options.changes_what_is_found:
        tab.drawing.leave_off_at_load()
    elif needs.frames or options.wait_for is None or options.scrolling is not None:
        tab.drawing.start_when_read()
    await _prepare(tab, options)
    html, found = None, None
    ends_without = _is_error_of_the_site(tab) if needs.document else lambda: False
    loads = True
    if options.wait_for is None:
        seconds = options.wait_for_timeout if needs.document else None
        loads = await _load(tab, options, needs.frames, seconds, page)
    elif needs.html and not options.changes_what_is_found:
        take = html_expression(shadow_roots=options.shadow_roots, has_readers=True)
        found = await _wait_for(tab, options, take, ends_without)
        html = checked_html(found.taken) if found else None
    else:
        found = await _wait_for(tab, options, ends_without=ends_without)
    if needs.document and not tab.load.documents:
        # Chromium runs no JavaScript while it waits for the answer, so the page cannot even be read. If Chromium itself
        # hangs, the site is not at fault: this command does not return until the watchdog ends Chromium.
        await tab.connection.browser.call("Browser.getVersion")
        raise page_failure("net::ERR_CONNECTION_TIMED_OUT", options.url)
    lacks_element = options.wait_for is not None and found is None
    scrolled = None if needs.document and lacks_element else await _scroll(tab, options)
    if options.viewport == "full":
        await screenshot.set_viewport_full(tab)
    script_result, messages = await _run_script(tab, options)
    return Visit(
        tab=tab,
        options=options,
        script_result=script_result,
        loads=loads,
        found=None if options.wait_for is None else found is not None,
        is_complete=found is None or found.is_complete,
        html=html,
        console=tuple(messages),
        scrolled=scrolled,
        script_errors=errors.errors if errors else None,
        cookies=cookies,
    )


async def _set_cookies(cookies: GivenCookies, given: Iterable[dict[str, Any]]) -> None:
    try:
        await cookies.add(given)
    except CommandFailed as error:
        bad_argument("cookies", f"Chromium refuses a cookie: {error.message}")


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
        # The user agent is the only header that all requests of the render have.
        if name.lower() == "user-agent":
            await tab.set_user_agent(value)
            headers.remove((name, value))
    first = FirstRequest(method=options.http_method, headers=tuple(headers), body=options.body)
    await tab.interception.change_first_document(first)


async def _load(
    tab: Tab, options: RenderOptions, wants_frames: bool, seconds: float | None, page: UnheldPage | None
) -> bool:
    """Load the page. Return False if its load event did not come within so many seconds."""
    if not options.wait and page is None:
        await tab.stop_at_load()
    try:
        async with asyncio.timeout(seconds) as limit:
            await (_go(tab, options) if page is None else page.go(options.url))
    except TimeoutError:
        if not limit.expired():
            raise
        await tab.thaw_document()
        return False
    if options.wait:
        await tab.stay(options.wait)
    elif wants_frames:
        await _wait_for_frames(tab)
    return True


def _is_error_of_the_site(tab: Tab) -> Callable[[], bool]:
    """Return a function that returns whether the site answered with an error, whose page lacks the element."""
    return lambda: (tab.network.main_status() or 0) >= 400


async def _wait_for(
    tab: Tab,
    options: RenderOptions,
    take: str | None = None,
    ends_without: Callable[[], bool] = lambda: False,
) -> Found | None:
    """Wait for the element; return it with the value of ``take`` at that time, or None if it did not come.

    With ``take`` the page stops when the element is there.
    """
    assert options.wait_for is not None
    try:
        found = await wait_for(
            tab,
            options.wait_for,
            options.wait_for_timeout,
            _go(tab, options),
            take,
            shadow_roots=options.shadow_roots,
            ends_without=ends_without,
        )
    except BadSelector as error:
        bad_argument("wait_for", f"Not a selector: {error}")
    if options.wait:
        tab.drawing.start()
        await tab.stay(options.wait)
    await tab.start_empty()  # if no document came yet
    return found


async def _scroll(tab: Tab, options: RenderOptions) -> dict[str, Any] | None:
    if options.scrolling is None:
        return None
    try:
        return await scroll(tab, options.scrolling)
    except BadScrollSelector as error:
        bad_argument(error.argument, f"Not a selector: {error}")


async def _wait_for_frames(tab: Tab) -> None:
    # Splash's result includes frames that the page adds in its load event.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(FRAMES_TIMEOUT):
            await tab.load.frames_loaded()


async def _go(tab: Tab, options: RenderOptions) -> None:
    if options.baseurl:
        await tab.set_content(*await baseurl.fetch(tab, options.url), options.baseurl)
    else:
        await tab.go(options.url)


async def _run_script(tab: Tab, options: RenderOptions) -> tuple[Any, list[str]]:
    """Run the client's script; return its value, None if it failed, and the lines that it wrote to the console."""
    messages: list[str] = []
    if not options.js_source:
        return None, messages
    with contextlib.suppress(ScriptFailed, CommandFailed):  # also if the script navigates
        if options.include.console:
            result, messages = await run_and_listen(tab, options.js_source)
        else:
            result = await tab.document.run_script(options.js_source)
        if "objectId" in result:
            return _without_null(await tab.document.value_of(result["objectId"])), messages
        return result.get("value"), messages
    return None, messages


def _without_null(value: Any) -> Any:
    """Return the value with "" in place of null, as Splash does."""
    if isinstance(value, dict):
        return {key: _without_null(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_null(item) for item in value]
    return "" if value is None else value


# -- the results of the endpoints


async def show_html(visit: Visit) -> tuple[Any, str]:
    html = visit.html
    if html is None:
        html = await visit.tab.document.html(shadow_roots=visit.options.shadow_roots)
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
    result["requestedUrl"] = readable_url(options.url)
    for kind in ("png", "jpeg"):
        if getattr(include, kind):
            result[kind] = base64.b64encode(await _picture(visit, kind)).decode("ascii")
    if include.script and visit.script_result:
        result["script"] = visit.script_result
    if include.console and visit.console:
        result["console"] = list(visit.console)
    await _end_records(tab)
    if include.history:
        result["history"] = tab.network.history()
    if include.har:
        result["har"] = await archive_of(tab, result["title"])
    if visit.found is not None:
        result["wait_for"] = "found" if visit.found else "missing"
        result["document"] = visit.document
    if visit.scrolled is not None:
        result["scroll"] = visit.scrolled
    if visit.script_errors is not None:
        result["script_errors"] = visit.script_errors
    return result, JSON


async def _end_records(tab: Tab) -> None:
    await tab.network.bodies_read()
    await restore_phrase(tab)


async def show_page(visit: Visit) -> tuple[Any, str]:
    html = visit.html
    if html is None:
        html = await visit.tab.document.html(shadow_roots=visit.options.shadow_roots)
    appeared = visit.loads and visit.found is not False
    return await page_result(
        visit.tab,
        html,
        visit.cookies,
        appeared=appeared,
        is_complete=visit.is_complete,
        scrolled=visit.scrolled,
        storage=await stored(visit.tab) if visit.options.storage is not None and appeared else None,
    ), JSON


async def show_har(visit: Visit) -> tuple[Any, str]:
    title = await visit.tab.document.title()
    await _end_records(visit.tab)
    return await archive_of(visit.tab, title), JSON


ENDPOINTS: dict[str, Show] = {
    "har": show_har,
    "html": show_html,
    "page": show_page,
    "json": show_json,
    "png": show_png,
    "jpeg": show_jpeg,
}


async def render(
    tab: Tab, kind: str, options: RenderOptions, sites: NavigatingSites
) -> tuple[Any, str, dict[str, str]]:
    """Load the page; return the endpoint's content, its content type and the headers of the answer.

    Args:
        sites: the sites whose pages are known to navigate by themselves.

    Raises:
        RenderError: the page cannot be loaded or read.
        BadOption: an argument is not valid, or the picture is too large.
        TargetGone: the tab was lost, or cannot load the page again.
    """
    if _may_be_unheld(kind, options) and not sites.must_hold(options.url):
        try:
            return await _render(tab, kind, options, UnheldPage(tab, sites))
        except PageNavigated:
            if not await clean(tab):
                raise TargetGone("a page that navigated has to be loaded again") from None
    return await _render(tab, kind, options, None)


def _may_be_unheld(kind: str, options: RenderOptions) -> bool:
    """Return whether the render needs held redirects only if the page navigates, and may then be repeated."""
    returns_page_of_load_event = options.wait_for is None and not options.wait
    only_reads = needs_of(kind, options.include).html and not options.js_source and options.scrolling is None
    only_gets = options.http_method == "GET" and options.body is None and not options.baseurl
    return returns_page_of_load_event and only_reads and only_gets and not options.resource_timeout


async def _render(
    tab: Tab, kind: str, options: RenderOptions, page: UnheldPage | None
) -> tuple[Any, str, dict[str, str]]:
    try:
        async with HttpClient(tab) as client:
            tab.interception.own = OwnRequests(tab, client)
            visited = await visit(tab, options, needs_of(kind, options.include), page)
            content, content_type = await ENDPOINTS[kind](visited)
            if page is not None:
                page.check()
    except PageFailed as error:
        raise error.as_render_error() from error
    except ScriptFailed as error:
        raise RenderError(
            {
                "type": "Page",
                "text": f"The page has replaced what it is looked at with: {error.text}",
                "url": options.url,
            }
        ) from error
    except screenshot.PictureTooLarge as error:
        raise BadOption(
            {"type": "bad_argument", "argument": "render_all", "description": str(error)}
        ) from error
    return content, content_type, visited.headers
