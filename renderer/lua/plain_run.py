"""The run of a plain script. It ends early if the page navigates by itself, which only the other run handles.

Scripts see a page navigate only while they wait. Other scripts get that from the interception of all documents; a plain
script, from this: if a page navigates by itself at another time, the run ends with ``NotPlain``, and the script runs
again as any other. Up to then it has only requested its page, with GET.
"""

from __future__ import annotations

import asyncio
import time
from math import inf

from renderer.errors import CutOff, PageFailed
from renderer.lua.plain_script import NavigatingSites
from renderer.lua.process.messages import NextCommand
from renderer.network.first_request import FirstRequest
from renderer.tab.tab import Tab

# Seconds. The script gets the HTML that a wait has taken only if it reads it at once.
HTML_AGE = 0.05
NO_REQUEST = 301  # the code of a failure for which Chromium has sent no request


class NotPlain(Exception):
    """The script has to run again, as one that is not plain."""


class PlainRun:
    """Watches the page of a plain script: call ``check`` before and after each command that does not wait."""

    def __init__(self, tab: Tab, methods: frozenset[str], sites: NavigatingSites) -> None:
        self._tab, self._methods, self._sites = tab, methods, sites
        self._url = ""
        self._documents = 0  # the number of documents that the script knows of
        self._html: str | None = None  # the HTML of the page at the time when the element came
        self._html_until = 0.0

    async def go(self, url: str, first: FirstRequest, *, waits: bool = False) -> None:
        """Load the page as ``Tab.go`` does. With ``waits`` it may navigate by itself.

        Raises:
            PageFailed: as ``Tab.go``.
            NotPlain: the script has loaded a page already, or the page navigated before its load event.
        """
        if self._url or first.method != "GET" or (url in self._sites and not waits):
            raise NotPlain
        self._url, load = url, self._tab.load
        if waits:
            try:
                return await self._tab.go(url)
            except PageFailed as error:
                await self._check_failure(error)
                raise
        going = asyncio.ensure_future(self._tab.go(url))
        going.add_done_callback(load.wake)
        try:
            while not going.done():
                await load.changed()
                if len(load.started) > 1 and not load.loaded_at:
                    self._give_up()
            await going
        except PageFailed as error:
            await self._check_failure(error)
            raise
        finally:
            going.cancel()
            await asyncio.gather(going, return_exceptions=True)
        self._documents = 1
        self.check()

    async def _check_failure(self, failure: PageFailed) -> None:
        """Raise NotPlain if another URL than the given one may have failed: a redirect led there."""
        if isinstance(failure, CutOff) or failure.code == NO_REQUEST:
            return
        if (await self._tab.wait_for_failed_url() or "").rstrip("/") != self._url.rstrip("/"):
            raise NotPlain

    def check(self) -> None:
        """Raise NotPlain if another document came while the script did not wait."""
        if self._url and self._tab.load.documents > self._documents:
            self._give_up()

    # -- the HTML

    @property
    def takes_html(self) -> bool:
        """Whether the wait for an element takes the HTML too, which saves a question to the page."""
        return "html" in self._methods

    @property
    def only_reads(self) -> bool:
        """Whether the script does not wait after ``go``, so that ``go`` may stop the page when it has the HTML."""
        return self.takes_html and not self._methods & {"wait", "wait_for"}

    def keep_html(self, html: str | None) -> None:
        """Keep the HTML for the script, which may read it next; None stands for no HTML."""
        self._html = html
        self._html_until = inf if self.only_reads else time.monotonic() + HTML_AGE

    def kept_html(self) -> str | None:
        """Return the HTML that was kept, if the page is still as it was; otherwise None."""
        return self._html if time.monotonic() <= self._html_until else None

    def following(self, command: str) -> NextCommand | None:
        """Return the HTML that this command has taken as the result of ``splash:html()``, which may come next."""
        html = self.kept_html() if command in ("go", "wait_for") else None
        return None if html is None else ("html", html)

    @property
    def error_status(self) -> int:
        """The HTTP status of the page if it is an error of the site; otherwise 0."""
        status = self._tab.error_status.of_last(self._tab.load.loaders)
        return status if status < 600 else 0

    def accept_documents(self) -> None:
        """Note that the script has waited, so that it knows the present document."""
        self._documents = self._tab.load.documents

    def _give_up(self) -> None:
        self._sites.add(self._url)
        raise NotPlain
