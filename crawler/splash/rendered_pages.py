"""Handles the answers to requests of ``render()`` and the methods like it: a page, or an error with the reason.

A callback gets no page without the element of ``wait_for``: such a request fails with NeverAppeared.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Mapping
from typing import Any, Self

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.retry import get_retry_request
from scrapy.exceptions import IgnoreRequest, NotConfigured
from scrapy.http import Response, TextResponse
from scrapy.statscollectors import StatsCollector

from crawler.meta_keys import RENDER
from crawler.page.completeness import CUT, CUT_OFF, NEVER_ENDED, WITHOUT_BUTTON, rendered_ends
from crawler.page.element import has_element, has_element_of_browser
from crawler.page.refusal import refusal_of
from crawler.splash.cache_args import named_script
from crawler.splash.errors import (
    NO_ANSWER,
    SCRIPT_FAILED,
    could_not_load,
    loading_code,
    one_line_error,
    place_in,
    script_message,
)
from crawler.splash.history import documents_of
from crawler.splash.page_endpoint import script_arguments
from crawler.splash.request_mapping import is_splash_request, rendered_url
from crawler.splash.selectors import wrong_in_html, wrong_selector
from crawler.splash.server_list import has_renderer
from crawler.splash.snapshot_answer import SCREENSHOT
from crawler.splash.step_problems import NOT_SUPPORTED, list_limit, problem_of
from crawler.stat_names import FAILED_PAGES, LISTS_WITHOUT_BUTTON

logger = logging.getLogger(__name__)

LISTED = 20  # pages and URLs that a stat lists
NEVER_CAME = "it is not on the page within wait_timeout of the spider (or timeout= of the call)"
CAME_LATE = "it came after the limit: raise wait_timeout of the spider (or timeout= of the call)"
NEVER_LOADED = "it has no wait_for=, and its load event did not come within {:g} s"


class RenderFailed(IgnoreRequest):
    """The renderer returned no page: the site could not be loaded, or a script failed."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url}: {reason}")
        self.url, self.reason = url, reason


class WrongSelector(RenderFailed):
    """A selector of the request is neither an XPath nor a CSS selector, so a retry would not help."""


class NoAnswer(RenderFailed):
    """The site did not answer within the timeout."""


class NotSupported(RenderFailed):
    """The renderer cannot do what the request asks for, so a retry would not help."""


class NeverAppeared(RenderFailed):
    """The page was loaded, but the element of ``wait_for`` was not on it within the timeout.

    Args:
        came_late: the page has the element now, after the timeout.
        reason: replaces the default message, for a click that no page followed.
    """

    def __init__(
        self,
        url: str,
        wait_for: str | None,
        timeout: float,
        response: Response | None = None,
        *,
        came_late: bool = False,
        reason: str | None = None,
    ) -> None:
        missing = (
            f"{wait_for!r} never appeared (waited {timeout:g} s): {CAME_LATE if came_late else NEVER_CAME}"
            if wait_for
            else NEVER_LOADED.format(timeout)
        )
        super().__init__(url, reason or missing)
        self.wait_for, self.response = wait_for, response


def failure_of(
    response: Response,
    *,
    url: str,
    wait_for: str | None,
    timeout: float,
    arguments: Mapping[str, Any] | None = None,
    script: tuple[str, str] | None = None,
) -> RenderFailed | None:
    """Return the failure that an answer to a render request reports; None for a page and for an error of the site.

    Args:
        timeout: seconds until ``wait_for`` counts as missing.
        arguments: the arguments of the render script.
        script: the name and the text of the spider's own render script.
    """
    data: dict[str, Any] = getattr(response, "data", None) or {}
    if not isinstance(data, dict):  # an own script may return a list or a text
        data = {}
    status = getattr(response, "splash_response_status", None) or response.status
    if status == 400:
        message = script_message(data)
        if wrong := wrong_selector(message, arguments or {}):
            return WrongSelector(url, wrong)
        if data.get("type") == "ScriptError":
            where = place_in(script[1], script[0], data) if script else SCRIPT_FAILED
            return RenderFailed(url, f"{where}: {message}")
    if "not_supported" in data:
        return NotSupported(url, NOT_SUPPORTED[str(data["not_supported"])])
    code = loading_code(data) if status == 502 else data.get("render_error")
    if code in NO_ANSWER:
        return NoAnswer(url, f"the site did not answer within {timeout:g} s")
    if code:
        return RenderFailed(url, could_not_load(str(code)))
    if status >= 400 and "error" in data:
        reason = f"the renderer answered {status}, {one_line_error(data)}"
        limit = list_limit(arguments or {}) if status == 504 else None
        return RenderFailed(url, f"{reason}: {limit}" if limit else reason)
    if "form_problem" in data:
        return RenderFailed(url, data["form_problem"])
    if response.status >= 400:
        return None  # the site's own error: RetryMiddleware and HttpErrorMiddleware handle it
    if CUT_OFF in _ends(response):
        return RenderFailed(url, CUT_OFF)
    appeared = data.get("appeared")
    if appeared and not data.get("scroll", {}).get("reached_end", True):
        appeared = False
    if appeared is None and wait_for is not None:
        if wrong := wrong_in_html("wait_for", wait_for):
            return WrongSelector(url, wrong)
        appeared = isinstance(response, TextResponse) and has_element(response, wait_for)
    if appeared in (None, True):
        return None
    why = problem_of(data, arguments or {}, timeout)
    came_late = (
        why is None
        and wait_for is not None
        and isinstance(response, TextResponse)
        and has_element_of_browser(response, wait_for)
    )
    return NeverAppeared(url, wait_for, timeout, response, came_late=came_late, reason=why)


def cut_of(response: Response) -> str | None:
    """Return why an accepted page may lack its end; None if there is no sign of it."""
    return unended_of(response) or limit_of(response)


def limit_of(response: Response) -> str | None:
    """Return why ``render_pages`` stopped before the end of a list; None if it reached the end."""
    data = getattr(response, "data", None)
    after = data.get("stopped_after") if isinstance(data, dict) else None
    if after is None:
        return None
    pages = "1 page" if after == 1 else f"{after:g} pages"
    return f"stopped after {pages} (max_pages) while next_button was still there"


def pages_of_list(response: Response) -> list[str]:
    """Return the HTML of each page of a list that ``render_pages`` has clicked through."""
    data = getattr(response, "data", None)
    pages: list[str] = data.get("pages", []) if isinstance(data, dict) else []
    return pages


def picture_of(response: Response) -> bytes | None:
    """Return the screenshot of a page as PNG; None if its request did not ask for one."""
    data = getattr(response, "data", None)
    text = data.get(SCREENSHOT) if isinstance(data, dict) else None
    return base64.b64decode(text) if isinstance(text, str) else None


def unended_of(response: Response) -> str | None:
    """Return why the document of an accepted page may lack its end; None if there is no sign of it."""
    data = getattr(response, "data", None)
    stalled = _document_state(response) == b"stalled" or (isinstance(data, dict) and data.get("cut"))
    return NEVER_ENDED if stalled else next(filter(None, _ends(response)), None)


def _ends(response: Response) -> list[str | None]:
    """Return for each document the fault of its end, or None."""
    return [rendered_ends(document) for document in _documents(response)]


def _documents(response: Response) -> list[dict[str, Any]]:
    data = getattr(response, "data", None)
    if not isinstance(data, dict):
        return []
    return documents_of(data, in_qt=_document_state(response) is None)


def _document_state(response: Response) -> bytes | None:
    """Return "complete" or "stalled" from our renderer's header; None for the answer of Splash."""
    headers = getattr(response, "splash_response_headers", None) or {}
    state: bytes | None = headers.get("X-Splashdown-Document")
    return state


def count_failure(failure: RenderFailed, stats: StatsCollector) -> None:
    """Log a page without content, and count it for the summary."""
    logger.error("%s", failure)
    stats.inc_value(f"render/failed/{type(failure).__name__}")
    listed = stats.get_value(FAILED_PAGES, [])
    if len(listed) < LISTED:
        stats.set_value(FAILED_PAGES, [*listed, str(failure)])


class RenderedPageMiddleware:
    """A downloader middleware between SplashMiddleware, which makes the response, and RetryMiddleware.

    Raises RenderFailed from ``process_response`` if an answer has no page.
    """

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        if not has_renderer(crawler.settings):
            raise NotConfigured
        return cls(crawler)

    def process_response(self, request: Request, response: Response) -> Request | Response:
        """Return the page, or the request for another try."""
        if not is_splash_request(request):
            return response
        render = RENDER.get(request)
        if render is None:
            return self._marked(request, response, retries=0)
        if render.get("script") is None and (documents := _documents(response)):
            response.status = documents[-1]["status"]  # render.json has the site's status only in its history
        if refusal_of(request, response, self.crawler) is not None:
            return (
                response  # RefusedPageMiddleware raises the error; no retry, although wait_for is not there
            )
        url = rendered_url(request) or response.url
        failure = failure_of(
            response,
            url=url,
            wait_for=render["wait_for"],
            timeout=render["timeout"],
            arguments=script_arguments(request.meta["splash"]),
            script=self._own_script(request, render),
        )
        if failure is None:
            # A page without an end gets one retry. Without an end again it is accepted, and the run counts it as cut.
            marked = self._marked(request, response, retries=1)
            if marked is response:
                self._note_button(request, response, url)
            return marked
        spider = self.crawler.spider
        assert spider is not None and self.crawler.stats is not None
        # One retry after a timeout: sites have short failures, but each try costs the whole timeout.
        attempts = 1 if isinstance(failure, NeverAppeared | NoAnswer) else None
        again = None
        if not isinstance(failure, WrongSelector | NotSupported):
            again = get_retry_request(
                request, spider=spider, reason=type(failure).__name__, max_retry_times=attempts
            )
        if again is not None:
            return again
        count_failure(failure, self.crawler.stats)
        raise failure

    def _own_script(self, request: Request, render: Mapping[str, Any]) -> tuple[str, str] | None:
        """Return the name and the text of the own render script of a request; None if it has one of ours, or none."""
        name, text = render.get("script"), named_script(request, self.crawler.spider)
        return (name, text) if name is not None and name.endswith(".lua") and text is not None else None

    def _marked(self, request: Request, response: Response, *, retries: int) -> Request | Response:
        """Return the response, with a flag if it may lack its end; or the request for another try."""
        reason = cut_of(response)
        if reason is None:
            return response
        assert self.crawler.spider is not None
        if retries and unended_of(response):  # a retry would end at the same limit
            again = get_retry_request(
                request,
                spider=self.crawler.spider,
                reason=CUT,
                max_retry_times=retries,
                give_up_log_level="INFO",
            )
            if again is not None:
                return again
        logger.warning("%s: %s", response.url, reason)
        response.flags += [CUT, reason]
        return response

    def _note_button(self, request: Request, response: Response, url: str) -> None:
        """Flag and count a list whose first page has no button: the selector may be wrong, or the list short."""
        data = getattr(response, "data", None)
        if not isinstance(data, dict) or not data.get("without_button"):
            return
        assert self.crawler.stats is not None
        button = str(request.meta["splash"]["args"]["next_button"])
        response.flags += [WITHOUT_BUTTON, button]
        counted: dict[str, tuple[int, list[str]]] = self.crawler.stats.get_value(LISTS_WITHOUT_BUTTON, {})
        lists, urls = counted.get(button, (0, []))
        counted = {**counted, button: (lists + 1, [*urls, url][:LISTED])}
        self.crawler.stats.set_value(LISTS_WITHOUT_BUTTON, counted)
