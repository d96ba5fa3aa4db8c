"""A tab of Chromium in a browser context of its own: its navigation, its settings, its cookies, and its end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from renderer.chromium.cdp import CommandFailed, Connection, Params, Session, TabCrashed, TargetGone
from renderer.egress.proxy_server import Egress
from renderer.errors import CutOff, PageFailed, download_failure, forbidden_scheme, page_failure
from renderer.network.client_hints import EMPTY, ClientHints
from renderer.network.exchanges import Network
from renderer.network.interception import Interception
from renderer.network.load_state import PageLoad
from renderer.network.resource_timeout import RequestLimit
from renderer.tab.document import Document
from renderer.tab.document_html import decoded
from renderer.tab.drawing import Drawing
from renderer.tab.error_status import ErrorStatus
from renderer.tab.frozen_page import ANSWER_TIMEOUT, FrozenPage
from renderer.tab.page_probe import FRAMES, LASTING, UsageProbe
from renderer.tab.page_scripts import PageScripts
from renderer.tab.policy import TabPolicy

VIEWPORT = (1024, 768)
CLOSING_TIMEOUT = 3.0  # seconds
# Seconds that Chromium may need to show its error page in the place of a page that failed to load.
ERROR_PAGE_TIMEOUT = 0.1

# The HTTP status of a page that Chromium stopped reading before its end; otherwise 0.
_CUT_OFF_STATUS = """document.readyState === 'loading'
  ? performance.getEntriesByType('navigation')[0]?.responseStatus || 200 : 0"""


class Tab:
    """A tab, from ``Tab.open`` to ``close``. If ``cleaning.clean`` fails after a render, the tab must be closed."""

    def __init__(
        self,
        connection: Connection,
        context_id: str,
        target_id: str,
        session: Session,
        policy: TabPolicy,
        egress: Egress | None,
        loads_images: bool,
    ) -> None:
        self.connection, self.context_id, self.target_id = connection, context_id, target_id
        self.session, self.policy, self.egress = session, policy, egress
        self.renders = 0
        self.must_discard = self.has_crashed = False
        self.load = PageLoad(target_id)  # the main frame's id is the target's
        self.network = Network(session, target_id)
        self.client_hints = ClientHints()
        self.interception = Interception(session, self.load, self.network, loads_images=loads_images)
        self.request_limit = RequestLimit(session, self.network, self.load)
        self.document = Document(session)
        self.scripts = PageScripts(session)
        self.probe = UsageProbe(session)
        self.drawing = Drawing(session)
        self.error_status = ErrorStatus(session)
        self.frozen_page = FrozenPage(session, target_id)
        self.viewport = VIEWPORT
        # Headers that this render sends with every request: in place of Chromium's, or in addition to them.
        self.user_agent = ""
        self._applied_user_agent: str | None = ""  # Chromium's; None if it is not known
        self.headers: dict[str, str] = {}
        self._undo: dict[str, Params] = {}
        self.probe.on(FRAMES, self.drawing.start)
        self.probe.on(LASTING, self.frozen_page.on_lasting_work)
        session.on("Page.frameAttached", self.frozen_page.on_frame_attached)
        session.on("Page.frameStartedNavigating", self._started_navigating)
        session.on("Page.frameNavigated", self._frame_navigated)
        session.on("Page.frameStartedLoading", self.load.on_frame_started)
        session.on("Page.frameStoppedLoading", self.load.on_frame_stopped)
        session.on("Page.frameDetached", self.load.on_frame_detached)
        session.on("Page.navigatedWithinDocument", self._navigated_within_document)
        session.on("Page.domContentEventFired", self._content_read)
        session.on("Page.loadEventFired", self._load_event_fired)
        session.on("gone", self.load.on_loss)
        session.on("Page.javascriptDialogOpening", self._dismiss_dialog)
        session.on("Inspector.targetCrashed", self._crash)

    @classmethod
    async def open(
        cls,
        connection: Connection,
        policy: TabPolicy,
        egress: Egress | None = None,
        *,
        loads_images: bool = True,
    ) -> Tab:
        """Open a tab in a new browser context, which uses the network directly or through this egress.

        ``loads_images`` says whether this Chromium loads images.
        """
        browser = connection.browser
        parameters: Params = {"disposeOnDetach": True}
        if egress is not None:
            # By default Chromium does not use a proxy for loopback addresses.
            parameters |= {"proxyServer": egress.server, "proxyBypassList": "<-loopback>"}

        def dispose(context: Params) -> None:
            browser.send("Target.disposeBrowserContext", {"browserContextId": context["browserContextId"]})

        # A caller that is cancelled here leaves no browser context behind.
        context = await browser.create("Target.createBrowserContext", parameters, dispose)
        try:
            return await cls._open_in(connection, context["browserContextId"], policy, egress, loads_images)
        except BaseException:
            dispose(context)
            raise

    @classmethod
    async def _open_in(
        cls,
        connection: Connection,
        context_id: str,
        policy: TabPolicy,
        egress: Egress | None,
        loads_images: bool,
    ) -> Tab:
        browser = connection.browser
        width, height = VIEWPORT
        target = await browser.call(
            "Target.createTarget",
            {"url": "about:blank", "browserContextId": context_id, "width": width, "height": height},
        )
        attached = await browser.call(
            "Target.attachToTarget", {"targetId": target["targetId"], "flatten": True}
        )
        session = connection.session(attached["sessionId"])
        tab = cls(connection, context_id, target["targetId"], session, policy, egress, loads_images)
        await asyncio.gather(
            session.send("Page.enable"),
            session.send("Inspector.enable"),
            session.send("Log.enable"),
            tab.scripts.start(),
            browser.send("Browser.setDownloadBehavior", {"behavior": "deny", "browserContextId": context_id}),
        )
        if not policy.caches:
            await tab.network.disable_caches()
        await tab.drawing.stop()
        return tab

    def _started_navigating(self, event: Params) -> None:
        self.load.on_started_navigating(event)
        self.frozen_page.on_navigation(event)

    def _frame_navigated(self, event: Params) -> None:
        self.load.on_frame_navigated(event)
        if event["frame"]["id"] == self.target_id:
            self.network.on_document()
            self.drawing.on_document()
            self.frozen_page.on_document()

    def _navigated_within_document(self, event: Params) -> None:
        self.load.on_navigated_within_document(event)
        self.frozen_page.on_navigation_within_document()

    def _content_read(self, event: Params) -> None:
        self.load.on_content_read(event)
        if not self.frozen_page.is_shown:
            self.drawing.on_content_read()

    def _load_event_fired(self, event: Params) -> None:
        self.load.on_load_event(event)
        if not self.frozen_page.is_shown:
            self.drawing.on_load_event()

    def _crash(self, _event: Params) -> None:
        self.has_crashed = True
        self.session.lose(TabCrashed("the tab crashed"))

    def _dismiss_dialog(self, event: Params) -> None:
        # The tab accepts "Leave this page?" and cancels every other dialog.
        self.session.send("Page.handleJavaScriptDialog", {"accept": event["type"] == "beforeunload"})

    # -- navigation

    async def go(self, url: str) -> None:
        """Load a page and return at its load event; redirects before that event are followed.

        Raises:
            PageFailed: the page failed to load, or its response was cut off.
            TargetGone: the tab crashed, or something of the render before was still running.
        """
        if not self.policy.allows(url):
            raise forbidden_scheme()
        if "@" in url.partition("//")[2].partition("/")[0]:
            self.must_discard = True  # Chromium remembers a password for as long as the context lives
        if not self.frozen_page.can_be_followed_by(url):
            await self.start_empty()
        self.frozen_page.expect_document()
        self.interception.expect_document()
        self.network.given_up_status = None
        self._apply_user_agent()
        if self.client_hints.needs_check(url):
            self.network.check_document()
        answer = await self.session.call("Page.navigate", {"url": url})
        if answer.get("isDownload"):
            raise download_failure(self.network.failed_url or url)
        if answer.get("errorText"):
            if self.network.given_up_status:
                raise CutOff(self.network.given_up_status, url)
            raise self._failure(answer["errorText"], self.network.failed_url or url)
        if loader := answer.get("loaderId"):
            await self._thaw_document(loader)
            await self.load.loaded_since(loader)
            while self.load.stopped_unread:
                await self.check_loaded()
                await self.load.loaded_since(loader)
        elif self.frozen_page.is_frozen:
            raise TargetGone("no document came")
        await self.check_loaded()
        if self.network.given_up_status is not None:
            # The response may have started while the render gave the page up.
            raise CutOff(self.network.given_up_status or self.network.main_status() or 0, url)

    async def stop_at_load(self) -> None:
        """Keep the page that has the load event: do not follow redirects by the page's scripts."""
        # A command to stop at that event could reach Chromium after it has followed a redirect.
        await self.interception.hold_redirects()

    async def show_failure(self, failure: PageFailed) -> None:
        """Show an error page, as Splash does, in the place of Chromium's error page or of the page before."""
        if await self.wait_for_failed_url() is None:
            await self.leave_page()
        elif self.frozen_page.is_frozen:
            await self.frozen_page.thaw()
        await self.session.call(
            "Page.setDocumentContent", {"frameId": self.target_id, "html": failure.as_page()}
        )
        self.load.url = failure.url

    async def wait_for_failed_url(self) -> str | None:
        """Return the URL of a page that failed, when Chromium shows its error page; None if it shows none."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ERROR_PAGE_TIMEOUT):
                while self.load.failed_url is None:
                    await self.load.changed()
        return self.load.failed_url

    async def stop_loading(self) -> None:
        """Stop loading the page, as a browser's stop button does; a call that waits for the page returns."""
        await self.session.call("Page.stopLoading")
        # Chromium fires no load event in a page that it stopped.
        self.load.on_load_event({})

    async def check_loaded(self) -> None:
        """Raise PageFailed if a redirect led to a page that failed to load, or if the page's response was cut off."""
        if self.load.stopped_unread:
            await self._check_cut_off()
        url = self.load.failed_url
        if url is None:
            return
        # Chromium says the error only in the answer to Page.navigate.
        self.interception.expect_document()
        answer = await self.session.call("Page.navigate", {"url": url})
        raise self._failure(answer.get("errorText") or "net::ERR_ABORTED", url)

    async def _check_cut_off(self) -> None:
        if self.load.cut_off is None:
            # A page that a script or the renderer stopped counts as complete. One whose response was cut off does not.
            status = await self.document.evaluate(_CUT_OFF_STATUS)
            if not status:
                self.load.stopped_unread = False
                return
            self.load.cut_off = cut_off = CutOff(int(status), self.load.url)
            content = {"frameId": self.target_id, "html": cut_off.as_page()}
            await self.session.call("Page.setDocumentContent", content)
        raise self.load.cut_off

    def _failure(self, error_text: str, url: str) -> PageFailed:
        if self.egress is not None:
            error_text = self.egress.errors.get(urlsplit(url).hostname or "", error_text)
        return page_failure(error_text, url)

    async def stay(self, seconds: float) -> None:
        """Wait this many seconds and follow redirects in that time; raise PageFailed if one of them fails."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.load.failed_url is None and not self.load.stopped_unread:
                    await self.load.changed()
        await self.check_loaded()

    async def set_content(self, content: bytes, mime_type: str, base_url: str) -> None:
        """Show this content as if it were the response of the base URL."""
        if not self.policy.allows(base_url):
            raise forbidden_scheme()
        if base_url == "about:blank":
            # Chromium sends no request for about:blank, so the interception has no request to answer.
            await self.go(base_url)
            self.load.loaded = False
            html = decoded(content, mime_type)
            await self.session.call("Page.setDocumentContent", {"frameId": self.target_id, "html": html})
            await self.load.loaded_since(self.load.loaders[-1])
            return
        # A later about:blank inherits some network policies of such a page, so the page is the tab's last one.
        self.must_discard = True
        await self.interception.answer_first_document(content, mime_type)
        await self.go(base_url)

    # -- settings of this render; clean() undoes them

    def override(
        self, method: str, parameters: Params, undo_method: str, undo: Params
    ) -> asyncio.Future[Params]:
        """Send a command that changes the tab, and register the command that undoes it after the render."""
        self._undo[undo_method] = undo
        return self.session.send(method, parameters)

    async def set_viewport(self, width: int, height: int) -> None:
        self.viewport = (width, height)
        await self.override(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
            "Emulation.clearDeviceMetricsOverride",
            {},
        )

    async def set_user_agent(self, value: str) -> None:
        """Send this user agent with every request of the render."""
        self.user_agent = value
        if applied := self._apply_user_agent():
            try:
                await applied
            except CommandFailed:
                self._applied_user_agent = None
                raise

    def _apply_user_agent(self) -> asyncio.Future[Params] | None:
        """Make Chromium use the render's user agent: it keeps that of the render before until a page is loaded."""
        if self.user_agent == self._applied_user_agent:
            return None
        self._applied_user_agent = self.user_agent
        return self.session.send("Emulation.setUserAgentOverride", {"userAgent": self.user_agent})

    async def limit_requests(self, seconds: float) -> None:
        """Abort each request that takes longer than this many seconds; 0 removes the limit."""
        self.network.turn_on()
        self.request_limit.set(seconds)
        await self.interception.limit_requests(seconds > 0)

    async def set_headers(self, headers: Mapping[str, str]) -> None:
        """Send these headers with every request."""
        self.headers = dict(headers)
        self.network.turn_on()
        method = "Network.setExtraHTTPHeaders"
        await self.override(method, {"headers": dict(headers)}, method, {"headers": {}})

    async def set_scripts_enabled(self, enabled: bool) -> None:
        await self.override(
            "Emulation.setScriptExecutionDisabled",
            {"value": not enabled},
            "Emulation.setScriptExecutionDisabled",
            {"value": False},
        )

    # -- cookies

    async def cookies(self) -> list[Params]:
        """Return the cookies of the tab's browser context."""
        cookies: list[Params] = (await self.ask_cookies())["cookies"]
        return cookies

    def ask_cookies(self) -> asyncio.Future[Params]:
        return self.connection.browser.send("Storage.getCookies", {"browserContextId": self.context_id})

    async def set_cookies(self, cookies: Sequence[Mapping[str, Any]]) -> None:
        await self.connection.browser.call(
            "Storage.setCookies", {"cookies": list(cookies), "browserContextId": self.context_id}
        )

    def clear_cookies(self) -> asyncio.Future[Params]:
        return self.connection.browser.send("Storage.clearCookies", {"browserContextId": self.context_id})

    # -- the end of a render

    async def empty_client_hints(self) -> None:
        """Clear the client hints that Chromium keeps for origins of this render; an empty page is shown at the end."""
        for origin in self.client_hints.kept:
            await self.interception.answer_first_document(b"", "text/html", EMPTY)
            await self.leave_page(f"{origin}/")
        await self.leave_page()
        self.client_hints.forget()

    def forget(self) -> None:
        """Reset the settings and records of this render on the renderer's side; Chromium keeps its own."""
        self.client_hints.on_documents(self.network.main_hops())
        self.interception.forget()
        self.request_limit.forget()
        self.network.forget()
        self.error_status.forget()
        self.viewport, self.user_agent, self.headers = VIEWPORT, "", {}

    def undo_overrides(self) -> list[asyncio.Future[Params]]:
        """Send the commands that undo this render's settings; return their answers."""
        undone = [self.session.send(method.partition(" ")[0], undo) for method, undo in self._undo.items()]
        self._undo.clear()
        return undone

    async def leave_page(self, url: str = "about:blank") -> None:
        """Replace the page by an empty one, or by a page at this URL that the interception answers."""
        self.frozen_page.expect_document()
        self._apply_user_agent()
        left = await self.session.call("Page.navigate", {"url": url})
        # Chromium answers before it has replaced the page and its entry in the history.
        await self._thaw_document(left["loaderId"])
        await self.load.loaded_since(left["loaderId"])

    async def _thaw_document(self, loader: str) -> None:
        """Thaw this document, if the page before it was frozen."""
        if not self.frozen_page.is_frozen:
            return
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                await self.load.committed(loader)
        except TimeoutError:
            await self.frozen_page.check()
            await self.load.committed(loader)
        await self.frozen_page.thaw()

    async def thaw_document(self) -> None:
        """Let this render's document run, if the call that loads it was cancelled before the document was thawed."""
        if self.frozen_page.is_frozen and self.load.documents:
            await self.frozen_page.thaw()

    async def start_empty(self) -> None:
        """Load an empty page, if the tab has a frozen one: for a render that uses the tab before it loads a page."""
        await self.thaw_document()
        if self.frozen_page.is_frozen:
            await self.leave_page()
            self.load.forget_documents()

    async def close(self) -> None:
        """Close the tab and its browser context."""
        with contextlib.suppress(CommandFailed, TargetGone, TimeoutError):
            async with asyncio.timeout(CLOSING_TIMEOUT):
                await self.connection.browser.call(
                    "Target.disposeBrowserContext", {"browserContextId": self.context_id}
                )
        self.connection.drop(self.session.session_id)
