"""The run of a plain script, on a page whose redirects are not held.

Scripts see a page navigate only while they wait. Other scripts get that from the interception of all documents; a plain
script, from ``UnheldPage``: if a page navigates by itself at another time, the script runs again as any other.
"""

from __future__ import annotations

import time
from math import inf

from renderer.lua.process.messages import NextCommand
from renderer.network.first_request import FirstRequest
from renderer.render.unheld_page import NavigatingSites, UnheldPage
from renderer.tab.tab import Tab

# Seconds. The script gets the HTML that a wait has taken only if it reads it at once.
HTML_AGE = 0.05


class NotPlain(Exception):
    """The script has to run again, as one that is not plain."""


class PlainRun:
    """Watches the page of a plain script: call ``check`` before and after each command that does not wait."""

    def __init__(self, tab: Tab, methods: frozenset[str], sites: NavigatingSites) -> None:
        self._tab, self._methods, self._sites = tab, methods, sites
        self._page = UnheldPage(tab, sites)
        self._html: str | None = None  # the HTML of the page at the time when the element came
        self._html_until = 0.0
        self.check, self.accept_documents = self._page.check, self._page.accept_documents

    async def go(self, url: str, first: FirstRequest, *, waits: bool = False) -> None:
        """Load the page as ``Tab.go`` does. With ``waits`` it may navigate by itself.

        Raises:
            PageFailed: as ``Tab.go``.
            PageNavigated: the page navigated before its load event.
            NotPlain: the script has loaded a page already, or sends more than GET.
        """
        if self._page.url or first.method != "GET":
            raise NotPlain
        if waits:
            await self._page.go_anywhere(url)
        elif self._sites.must_hold(url):
            raise NotPlain
        else:
            await self._page.go(url)

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
