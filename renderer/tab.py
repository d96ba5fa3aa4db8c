"""One tab of Chromium in a browser context of its own: go, wait, evaluate."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from renderer.cdp import CommandFailed, Connection, Params, Session, TargetGone
from renderer.drawing import Drawing
from renderer.egress import Egress
from renderer.errors import PageFailed, forbidden_scheme, page_failure
from renderer.interception import Interception
from renderer.network import Network
from renderer.page_load import PageLoad
from renderer.page_scripts import PageScripts
from renderer.request_limit import RequestLimit
from renderer.standstill import ANSWER_TIMEOUT, Standstill
from renderer.telltale import FRAMES, LASTING, Telltale

VIEWPORT = (1024, 768)
MAX_HTML = 64 * 1024 * 1024
CLOSING_TIMEOUT = 3.0

# A page may have hidden XMLSerializer or put something else in place of its doctype; the element alone will do then.
_HTML = """(() => {
  const root = document.documentElement;
  if (!root) return '';
  let doctype = '';
  try { if (document.doctype) doctype = new XMLSerializer().serializeToString(document.doctype); } catch (e) {}
  const html = doctype + SERIALIZED;
  return html.length > MAX_HTML ? null : html;
})()""".replace("MAX_HTML", str(MAX_HTML))

# As declarative shadow roots, which a browser would read back.
_WITH_SHADOW_ROOTS = """(() => {
    const roots = [];
    const walk = tree => {
      for (const element of tree.querySelectorAll('*')) {
        if (element.shadowRoot) { roots.push(element.shadowRoot); walk(element.shadowRoot); }
      }
    };
    walk(document);
    const shell = root.cloneNode(false).outerHTML, end = shell.lastIndexOf('</');
    return shell.slice(0, end) + root.getHTML({shadowRoots: roots}) + shell.slice(end);
  })()"""


class ScriptFailed(Exception):
    """JavaScript threw; what it threw is in the attributes."""

    def __init__(self, kind: str, message: str, text: str) -> None:
        super().__init__(text)
        self.kind, self.message, self.text = kind, message, text


class ResultTooLarge(Exception):
    """The page is larger than an answer may be."""


@dataclass(frozen=True, kw_only=True)
class TabPolicy:
    """What holds for every render of this server."""

    allowed_schemes: frozenset[str] = frozenset({"http", "https"})
    caches: bool = True
    public_only: bool = False
    blocked_port: int = 0  # the renderer's own

    def allows(self, url: str) -> bool:
        """Whether a render may go there: by default nothing local, nothing of Chromium's own."""
        scheme, colon, _ = url.strip().partition(":")
        return url.strip() == "about:blank" or (bool(colon) and scheme.lower() in self.allowed_schemes)


class Tab:
    """Use ``Tab.open``. Between two renders ``cleaning.clean`` has to succeed, else the tab must be closed."""

    def __init__(
        self,
        connection: Connection,
        context_id: str,
        target_id: str,
        session: Session,
        policy: TabPolicy,
        egress: Egress | None,
    ) -> None:
        self.connection, self.context_id, self.target_id = connection, context_id, target_id
        self.session, self.policy, self.egress = session, policy, egress
        self.renders = 0
        self.spoiled = False
        self.load = PageLoad(target_id)  # the main frame's id is the target's
        self.network = Network(session, target_id)
        self.interception = Interception(session, self.load, self.network)
        self.request_limit = RequestLimit(session, self.network, self.load)
        self.scripts = PageScripts(session)
        self.telltale = Telltale(session)
        self.drawing = Drawing(session)
        self.standstill = Standstill(session, target_id)
        self.viewport = VIEWPORT
        # What this render sends with every request instead of, or besides, Chromium's own.
        self.user_agent = ""
        self.headers: dict[str, str] = {}
        self._undo: dict[str, Params] = {}
        self.telltale.on(FRAMES, self.drawing.start)
        self.telltale.on(LASTING, self.standstill.feed_lasting)
        session.on("Page.frameAttached", self.standstill.feed_frame_attached)
        session.on("Page.frameStartedNavigating", self.standstill.feed_navigation)
        session.on("Page.frameNavigated", self._frame_navigated)
        session.on("Page.frameStartedLoading", self.load.feed_frame_started)
        session.on("Page.frameStoppedLoading", self.load.feed_frame_stopped)
        session.on("Page.frameDetached", self.load.feed_frame_detached)
        session.on("Page.navigatedWithinDocument", self.load.feed_navigated_within_document)
        session.on("Page.domContentEventFired", self.load.feed_content_read)
        session.on("Page.loadEventFired", self._load_event_fired)
        session.on("gone", self.load.feed_loss)
        session.on("Page.javascriptDialogOpening", self._dismiss_dialog)
        session.on("Inspector.targetCrashed", lambda _: session.lose(TargetGone("the tab crashed")))

    @classmethod
    async def open(cls, connection: Connection, policy: TabPolicy, egress: Egress | None = None) -> Tab:
        """A tab of its own context, which reaches the network directly or through this egress."""
        browser = connection.browser
        context: Params = {"disposeOnDetach": True}
        if egress is not None:
            # Chromium would leave out loopback by itself.
            context |= {"proxyServer": egress.server, "proxyBypassList": "<-loopback>"}
        context_id = (await browser.call("Target.createBrowserContext", context))["browserContextId"]
        width, height = VIEWPORT
        target = await browser.call(
            "Target.createTarget",
            {"url": "about:blank", "browserContextId": context_id, "width": width, "height": height},
        )
        attached = await browser.call(
            "Target.attachToTarget", {"targetId": target["targetId"], "flatten": True}
        )
        session = connection.session(attached["sessionId"])
        tab = cls(connection, context_id, target["targetId"], session, policy, egress)
        await asyncio.gather(
            session.send("Page.enable"),
            session.send("Inspector.enable"),
            tab.scripts.start(),
            browser.send("Browser.setDownloadBehavior", {"behavior": "deny", "browserContextId": context_id}),
        )
        if not policy.caches:
            await session.call("Network.setCacheDisabled", {"cacheDisabled": True})
        await tab.drawing.stop()
        return tab

    def _frame_navigated(self, event: Params) -> None:
        self.load.feed_frame_navigated(event)
        if event["frame"]["id"] == self.target_id:
            self.drawing.feed_document()
            self.standstill.feed_document()

    def _load_event_fired(self, event: Params) -> None:
        self.load.feed_load_event(event)
        if not self.standstill.holds:
            self.drawing.feed_load_event()

    def _dismiss_dialog(self, event: Params) -> None:
        # Leaving a page is always allowed; everything else gets the answer "Cancel".
        self.session.send("Page.handleJavaScriptDialog", {"accept": event["type"] == "beforeunload"})

    # -- navigation

    async def go(self, url: str) -> None:
        """Load a page up to its load event, following whatever redirects come before that."""
        if not self.policy.allows(url):
            raise forbidden_scheme()
        if "@" in url.partition("//")[2].partition("/")[0]:
            self.spoiled = True  # Chromium remembers a password for as long as the context lives
        if not self.standstill.can_be_followed_by(url):
            await self.start_empty()
        self.standstill.expect_document()
        self.interception.expect_document()
        self.network.gave_up_main_document = False
        answer = await self.session.call("Page.navigate", {"url": url})
        if answer.get("errorText"):
            raise self._failure(answer["errorText"], self.network.failed_url or url)
        if loader := answer.get("loaderId"):
            await self._let_begin(loader)
            await self.load.loaded_since(loader)
        elif self.standstill.holds:
            raise TargetGone("no document came")
        await self.check_loaded()
        if self.network.gave_up_main_document:
            raise page_failure("net::ERR_ABORTED", url)

    async def stop_at_load(self) -> None:
        """Stay with what is there at the load event: redirects by the page's scripts are not wanted."""
        # Told to stop at that event, Chromium could be through with a redirect before it hears of that.
        await self.interception.hold_redirects()

    async def check_loaded(self) -> None:
        """Raise if a redirect led to a page that could not be loaded."""
        url = self.load.failed_url
        if url is None:
            return
        # Only an answer to Page.navigate says what went wrong.
        self.interception.expect_document()
        answer = await self.session.call("Page.navigate", {"url": url})
        raise self._failure(answer.get("errorText") or "net::ERR_ABORTED", url)

    def _failure(self, error_text: str, url: str) -> PageFailed:
        if self.egress is not None:
            error_text = self.egress.errors.get(urlsplit(url).hostname or "", error_text)
        return page_failure(error_text, url)

    async def stay(self, seconds: float) -> None:
        """Wait; redirects in that time are followed, and one that fails is an error."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.load.failed_url is None:
                    await self.load.changed()
        await self.check_loaded()

    async def set_content(self, content: bytes, mime_type: str, base_url: str) -> None:
        """Show this content as if it had come from the base URL."""
        if not self.policy.allows(base_url):
            raise forbidden_scheme()
        if base_url == "about:blank":
            # Nothing is asked of the network, so nothing could be answered.
            await self.go(base_url)
            self.load.loaded = False
            html = content.decode("utf-8", "replace")
            await self.session.call("Page.setDocumentContent", {"frameId": self.target_id, "html": html})
            await self.load.loaded_since(self.load.loaders[-1])
            return
        # about:blank takes over some of the network policies of such a page, so it should be the tab's last one.
        self.spoiled = True
        await self.interception.answer_first_document(content, mime_type)
        await self.go(base_url)

    # -- what is on the page

    async def html(self, context: int | None = None, *, shadow_roots: bool = False) -> str:
        """The document with its doctype, and if wanted with the open shadow roots in it."""
        return checked_html(await self.evaluate(html_expression(shadow_roots=shadow_roots), context=context))

    async def evaluate(self, expression: str, *, context: int | None = None, wait: bool = False) -> Any:
        """The JSON value of a JavaScript expression of our own."""
        parameters: Params = {"expression": expression, "returnByValue": True, "awaitPromise": wait}
        if context is not None:
            parameters["contextId"] = context
        for _ in range(3):
            try:
                answer = await self.session.call("Runtime.evaluate", parameters)
                break
            except CommandFailed:
                if context is not None:
                    raise
                await asyncio.sleep(0.02)  # the document is just being replaced
        else:
            answer = await self.session.call("Runtime.evaluate", parameters)
        raise_script_error(answer)
        return answer["result"].get("value")

    async def value_of(self, object_id: str) -> Any:
        """The JSON value of an object in the page."""
        answer = await self.session.call(
            "Runtime.callFunctionOn",
            {
                "objectId": object_id,
                "functionDeclaration": "function() { return JSON.stringify(this); }",
                "returnByValue": True,
            },
        )
        raise_script_error(answer)
        text = answer["result"].get("value")
        return None if text is None else json.loads(text)

    async def run_script(self, source: str) -> Params:
        """Run JavaScript of the user in the page's global scope; returns CDP's description of the last value."""
        # Through eval, so that a second run may declare the same names again.
        answer = await self.session.call(
            "Runtime.evaluate",
            {"expression": f"(0, eval)({json.dumps(source)})", "allowUnsafeEvalBlockedByCSP": True},
        )
        raise_script_error(answer)
        result: Params = answer["result"]
        return result

    # -- settings of this render, taken back by clean()

    def override(
        self, method: str, parameters: Params, undo_method: str, undo: Params
    ) -> asyncio.Future[Params]:
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
        self.user_agent = value
        await self.override(
            "Emulation.setUserAgentOverride",
            {"userAgent": value},
            "Emulation.setUserAgentOverride",
            {"userAgent": ""},
        )

    def limit_requests(self, seconds: float) -> None:
        """Abort each request that takes longer than this; 0 lifts the limit."""
        self.network.turn_on()
        self.request_limit.set(seconds)

    async def set_headers(self, headers: Mapping[str, str]) -> None:
        """Send these with every request."""
        self.headers = dict(headers)
        self.network.turn_on()
        await self.override(
            "Network.setExtraHTTPHeaders",
            {"headers": dict(headers)},
            "Network.setExtraHTTPHeaders",
            {"headers": {}},
        )

    async def set_scripts_enabled(self, enabled: bool) -> None:
        await self.override(
            "Emulation.setScriptExecutionDisabled",
            {"value": not enabled},
            "Emulation.setScriptExecutionDisabled",
            {"value": False},
        )

    # -- cookies

    async def cookies(self) -> list[Params]:
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

    def forget(self) -> None:
        """Settings and records as they were before the render; gives nothing back to Chromium."""
        self.interception.forget()
        self.request_limit.set(0)
        self.network.forget()
        self.viewport, self.user_agent, self.headers = VIEWPORT, "", {}

    def undo_overrides(self) -> list[asyncio.Future[Params]]:
        """Take back what this render has set."""
        undone = [self.session.send(method.partition(" ")[0], undo) for method, undo in self._undo.items()]
        self._undo.clear()
        return undone

    async def leave_page(self) -> None:
        """Put an empty page in place of the one that is there."""
        self.standstill.expect_document()
        left = await self.session.call("Page.navigate", {"url": "about:blank"})
        # The answer comes before the page is gone and its place in the history is taken.
        await self._let_begin(left["loaderId"])
        await self.load.loaded_since(left["loaderId"])

    async def _let_begin(self, loader: str) -> None:
        """Let this document go on, if the page before it was brought to rest."""
        if not self.standstill.holds:
            return
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                await self.load.committed(loader)
        except TimeoutError:
            await self.standstill.check()
            await self.load.committed(loader)
        await self.standstill.go_on()

    async def start_empty(self) -> None:
        """For a render that looks at the tab before it goes anywhere."""
        if self.standstill.holds:
            await self.leave_page()
            self.load.forget()

    async def close(self) -> None:
        """Throw the tab away, with its context and whatever that holds."""
        with contextlib.suppress(CommandFailed, TargetGone, TimeoutError):
            async with asyncio.timeout(CLOSING_TIMEOUT):
                await self.connection.browser.call(
                    "Target.disposeBrowserContext", {"browserContextId": self.context_id}
                )
        self.connection.drop(self.session.session_id)


def html_expression(*, shadow_roots: bool = False) -> str:
    """JavaScript whose value is a document's HTML, for ``checked_html``."""
    return _HTML.replace("SERIALIZED", _WITH_SHADOW_ROOTS if shadow_roots else "root.outerHTML")


def checked_html(value: Any) -> str:
    """What ``html_expression`` gave; raises ResultTooLarge where that was nothing."""
    if value is None:
        raise ResultTooLarge
    return str(value)


def raise_script_error(answer: Params) -> None:
    """Turn CDP's exceptionDetails, if there are any, into an exception."""
    details = answer.get("exceptionDetails")
    if not details:
        return
    thrown = details.get("exception", {})
    if thrown.get("subtype") == "error":
        kind = thrown.get("className", "Error")
        text = str(thrown.get("description", "")).split("\n    at ")[0]
        message = "" if text == kind else text.removeprefix(f"{kind}: ")
        raise ScriptFailed(kind, message, text)
    value = thrown.get("value", thrown.get("unserializableValue", thrown.get("description")))
    raise ScriptFailed("<custom JS error>", _as_text(value), _as_text(value))


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


__all__ = ["PageFailed", "ResultTooLarge", "ScriptFailed", "Tab", "TabPolicy"]
