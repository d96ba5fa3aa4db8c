"""Exchanges, cookies and headers in the HTTP Archive format (HAR 1.2)."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote_to_bytes, urlsplit

if TYPE_CHECKING:
    from renderer.network.exchanges import Exchange

Params = dict[str, Any]

_STATUS_TEXT_OF_FAILURE = {
    "net::ERR_NAME_NOT_RESOLVED": "invalid_hostname",
    "net::ERR_CONNECTION_REFUSED": "connection_refused",
    "net::ERR_CONNECTION_CLOSED": "connection_closed",
    "net::ERR_EMPTY_RESPONSE": "connection_closed",
    "net::ERR_ABORTED": "cancelled",
    "net::ERR_FAILED": "cancelled",
    "net::ERR_TIMED_OUT": "cancelled",
    "net::ERR_BLOCKED_BY_CLIENT": "cancelled",
    "net::ERR_UNKNOWN_URL_SCHEME": "unknown_protocol",
}


# Escaped spaces and escaped bytes beyond ASCII. Characters that would be invisible stay escaped.
_ESCAPED_CHARACTERS = re.compile(r"(?:%20|%[89A-Fa-f][0-9A-Fa-f])+")


def readable_url(url: str) -> str:
    """Return the URL with its escaped spaces and its escaped letters beyond ASCII decoded; it is the same URL."""
    return _ESCAPED_CHARACTERS.sub(lambda found: _readable(found[0]), url)


def _readable(escaped: str) -> str:
    text = unquote_to_bytes(escaped).decode("utf-8", "surrogateescape")
    return "".join(
        character if character.isprintable() else quote(character.encode("utf-8", "surrogateescape"))
        for character in text
    )


def headers_to_har(headers: Params) -> list[Params]:
    return [{"name": name, "value": str(value)} for name, value in headers.items()]


def cookie_to_har(cookie: Params) -> Params:
    """Return a cookie of Chromium in HAR's format, as ``splash:get_cookies`` returns it."""
    har: Params = {
        "name": cookie["name"],
        "value": cookie["value"],
        "path": cookie.get("path", "/"),
        "domain": cookie.get("domain", ""),
        "httpOnly": bool(cookie.get("httpOnly")),
        "secure": bool(cookie.get("secure")),
    }
    if not cookie.get("session", False) and cookie.get("expires", -1) > 0:
        expires = datetime.fromtimestamp(min(cookie["expires"], 253402300799), UTC)
        har["expires"] = expires.strftime("%Y-%m-%dT%H:%M:%SZ")
    return har


def cookie_from_har(cookie: Params, page_url: str) -> Params:
    """Return a cookie in HAR's format as Chromium expects it; a cookie without domain belongs to the page."""
    result: Params = {
        "name": str(cookie["name"]),
        "value": str(cookie["value"]),
        "path": cookie.get("path") or "/",
        "secure": bool(cookie.get("secure")),
        "httpOnly": bool(cookie.get("httpOnly")),
    }
    if cookie.get("domain"):
        result["domain"] = cookie["domain"]
    else:
        result["url"] = page_url
    if cookie.get("expires"):
        expires = read_date(str(cookie["expires"]))
        if expires is not None:
            result["expires"] = expires
    return result


def read_date(text: str) -> float | None:
    """Return an ISO or HTTP date as seconds since 1970; None if the text is neither."""
    try:
        date = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        try:
            date = parsedate_to_datetime(text)
        except (ValueError, TypeError):
            return None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def _header(headers: Params, name: str) -> str:
    return next((str(value) for key, value in headers.items() if key.lower() == name), "")


def _sent_cookies(headers: Params) -> list[Params]:
    pairs = (part.strip().partition("=") for part in _header(headers, "cookie").split(";") if part.strip())
    # A request has only names and values of cookies; the other fields have the values of Splash's HAR.
    unknown = {"path": "", "domain": "", "httpOnly": False, "secure": False}
    return [{"name": name, "value": value} | unknown for name, _, value in pairs]


def received_cookies(headers: Params) -> list[Params]:
    """Return the cookies of the response's Set-Cookie headers."""
    cookies = []
    for line in filter(None, _header(headers, "set-cookie").split("\n")):
        pair, *attributes = (part.strip() for part in line.split(";"))
        name, _, value = pair.partition("=")
        found = {key.strip().lower(): text.strip() for key, _, text in (a.partition("=") for a in attributes)}
        cookie: Params = {
            "name": name,
            "value": value,
            "path": found.get("path", ""),
            "domain": found.get("domain", ""),
            "httpOnly": "httponly" in found,
            "secure": "secure" in found,
        }
        if expires := read_date(found.get("expires", "")):
            cookie["expires"] = datetime.fromtimestamp(expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        cookies.append(cookie)
    return cookies


def _size(headers: Params) -> int:
    return sum(len(name) + len(str(value)) + 4 for name, value in headers.items())


def request_to_har(exchange: Exchange) -> Params:
    request = exchange.request
    headers = exchange.request_headers
    body = request.get("postData")
    result: Params = {
        "method": request["method"],
        "url": readable_url(request["url"] + request.get("urlFragment", "")),
        "httpVersion": _http_version(exchange),
        "cookies": _sent_cookies(headers),
        "queryString": [
            {"name": name, "value": value}
            for name, value in parse_qsl(urlsplit(request["url"]).query, keep_blank_values=True)
        ],
        "headers": headers_to_har(headers),
        "headersSize": _size(headers),
        "bodySize": len(body.encode("utf-8", "replace")) if body else -1,
    }
    if exchange.request_body is not None:
        result["bodySize"] = len(exchange.request_body)
        result["postData"] = _post_data(exchange.request_body, _header(headers, "content-type"))
    return result


def _post_data(body: bytes, content_type: str) -> Params:
    # The body of a form is ASCII. HAR defines no encoding for other bodies, and Splash uses base64.
    if content_type == "application/x-www-form-urlencoded" and body.isascii():
        return {"mimeType": content_type, "text": body.decode("ascii")}
    text = base64.b64encode(body).decode("ascii")
    return {"mimeType": content_type or "?", "encoding": "base64", "text": text}


def response_to_har(exchange: Exchange) -> Params:
    response = exchange.response
    if response is None:
        return {
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": [],
            "content": {"size": 0, "mimeType": ""},
            "headersSize": -1,
            "bodySize": 0,
            "ok": False,
            "url": readable_url(exchange.request["url"]),
            "status": 0,
            "statusText": _STATUS_TEXT_OF_FAILURE.get(exchange.failure, "?") if exchange.failure else "?",
            "redirectURL": "",
        }
    headers = exchange.response_headers
    status = int(response["status"])
    content: Params = {
        "size": exchange.size,
        "mimeType": _header(headers, "content-type") or response.get("mimeType", ""),
    }
    if exchange.response_body is not None:
        content |= {
            "size": len(exchange.response_body),
            "encoding": "base64",
            "text": base64.b64encode(exchange.response_body).decode("ascii"),
        }
    return {
        "httpVersion": _http_version(exchange),
        "cookies": received_cookies(headers),
        "headers": headers_to_har(headers),
        "content": content,
        "headersSize": _size(headers),
        "bodySize": exchange.size,
        "ok": not exchange.failure and status < 400,
        "url": readable_url(response["url"]),
        "status": status,
        # HTTP/2 has no reason phrase, but Splash's users expect one.
        "statusText": response.get("statusText") or phrase(status),
        "redirectURL": _header(headers, "location"),
    }


def phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _http_version(exchange: Exchange) -> str:
    protocol = str((exchange.response or {}).get("protocol", "")).lower()
    if protocol in ("h2", "h3"):
        return f"HTTP/{protocol[1]}"
    return protocol.upper() if protocol.startswith("http/") else "HTTP/1.1"


def _timings(exchange: Exchange, duration: int) -> Params:
    """Return the phases of an exchange in milliseconds. Without ``ssl``, a part of ``connect``, they add up."""
    unknown = {"blocked": -1, "dns": -1, "connect": -1, "ssl": -1, "send": 0, "wait": duration, "receive": 0}
    timing: Params = (exchange.response or {}).get("timing") or {}
    # For a response from a cache or from the renderer, Chromium reports no timings or only some of them.
    if exchange.finished is None or not 0 <= timing.get("sendStart", -1) <= timing["sendEnd"]:
        return unknown
    parts: Params = {"send": round(timing["sendEnd"]) - round(timing["sendStart"])}
    for name in ("dns", "connect", "ssl"):
        begun = timing[f"{name}Start"]
        parts[name] = round(timing[f"{name}End"]) - round(begun) if begun >= 0 else -1
    asked = round((timing["requestTime"] - exchange.started) * 1000)
    sent, answered = asked + round(timing["sendEnd"]), asked + round(timing["receiveHeadersEnd"])
    parts |= {
        "blocked": sent - sum(max(0, parts[name]) for name in ("dns", "connect", "send")),
        "wait": answered - sent,
        "receive": duration - answered,
    }
    return parts if min(parts[name] for name in ("blocked", "wait", "receive")) >= 0 else unknown


def entry_of(exchange: Exchange) -> Params:
    """Return the HAR entry of an exchange, with the state that Splash adds."""
    finished = exchange.finished
    duration = round((finished - exchange.started) * 1000) if finished is not None else 0
    state = "created" if exchange.response is None else "headers_received"
    if finished is not None and exchange.response is not None:
        state = "finished"
    return {
        "_splash_processing_state": state,
        "startedDateTime": exchange.started_at,
        "time": duration,
        "request": request_to_har(exchange),
        "response": response_to_har(exchange),
        "cache": {},
        "timings": _timings(exchange, duration),
    }
