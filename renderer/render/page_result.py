"""The result of ``render.page``: a page with all that a spider needs of it, from one render."""

from __future__ import annotations

from typing import Any

from renderer.chromium.cdp import Params
from renderer.network.exchanges import Exchange
from renderer.network.har import readable_url, response_to_har
from renderer.tab.given_cookies import GivenCookies
from renderer.tab.tab import Tab

# The headers that say how long a document is, and the characters of base64, a multiple of four, of its two ends.
FRAMING = ("content-length", "content-encoding", "transfer-encoding")
START, END = 800, 400


async def page_result(
    tab: Tab,
    html: str,
    cookies: GivenCookies,
    *,
    appeared: bool,
    is_complete: bool,
    scrolled: dict[str, Any] | None,
    storage: str | None = None,
) -> dict[str, Any]:
    """Return the HTML with the page's last URL, its HTTP status, headers and cookies, and how its document ended.

    Args:
        appeared: whether the element of ``wait_for`` came; without ``wait_for``, whether the load event came.
        is_complete: whether the document was read to its end.
        scrolled: the result of ``scroll``, if the page was scrolled.
        storage: the page's storage as JSON, if the client has set one.
    """
    document = _last_document(tab)
    result: dict[str, Any] = {
        "html": html,
        "url": readable_url(tab.load.url),
        "appeared": appeared,
        "cut": not is_complete,
        "cookies": await cookies.all(),
        "documents": [],
    }
    if document is not None:
        await tab.network.raw_headers(document)
        if is_complete and needs_body(document):
            await tab.network.body_read(document)
        response = response_to_har(document)
        result["http_status"] = response["status"]
        result["headers"] = response["headers"]
        result["documents"] = [_how_it_ended(response)]
    if storage is not None:
        result["auth_storage"] = storage
    if scrolled is not None:
        result["scroll"] = scrolled
    return result


def _last_document(tab: Tab) -> Exchange | None:
    """Return the exchange of the document that the tab shows; None if it came from no server."""
    answered = (exchange for exchange in reversed(tab.network.main_documents()) if exchange.response)
    return next(answered, None)


def _how_it_ended(response: Params) -> Params:
    """Return what shows whether the answer came to its end: its size, its framing and both ends of its body."""
    body = response["content"].get("text") or ""
    headers = {header["name"].lower(): header["value"] for header in response["headers"]}
    return {
        "ok": response["ok"],
        "status": response["status"],
        "size": response["bodySize"],
        "version": response["httpVersion"],
        "start": body[:START],
        "tail": body[-END:],
        **{name: headers[name] for name in FRAMING if name in headers},
    }


def needs_body(exchange: Exchange) -> bool:
    """Return whether only the document's bytes can show that it came to its end.

    Chromium reports a body that is shorter than its Content-Length, and one whose chunks have no end. It does not
    report the end of a compressed body, and a body without length ends when the connection closes.
    """
    headers = {name.lower() for name in exchange.response_headers}
    if "content-encoding" in headers:
        return True
    protocol = str((exchange.response or {}).get("protocol", ""))
    return not headers & {"content-length", "transfer-encoding"} and protocol not in ("h2", "h3")
