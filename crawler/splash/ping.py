"""Pings a renderer, and tells "not there yet" from "wrong URL or password"."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request

from crawler.run.stopping import CannotStart

PING_SECONDS = 5.0
ADVICE = "Start it, correct SPLASH_URL, or leave SPLASH_URL empty to use our own renderer"


class NoAnswer(Exception):
    """No renderer answers at this URL now; it may answer later. The message is the reason in a few words."""


def ping(url: str, auth: bytes | None) -> frozenset[str]:
    """Ask a renderer for ``/_ping``, and return the names of its endpoints that Splash does not have.

    Block for up to ``PING_SECONDS`` for each part of a slow answer.

    Raises:
        NoAnswer: it refuses the connection, does not answer in time, or a proxy answers with status 500 or more.
        CannotStart: the URL or the credentials are wrong; waiting does not help.
    """
    try:
        request = urllib.request.Request(f"{url.rstrip('/')}/_ping")  # noqa: S310 - http is checked below
    except ValueError:
        raise CannotStart(_not_a_url(url)) from None
    if request.type not in ("http", "https") or not request.host:
        raise CannotStart(_not_a_url(url))
    if auth is not None:
        request.add_header("Authorization", auth.decode("latin-1"))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=PING_SECONDS) as response:
            answer = json.load(response)
        if not isinstance(answer, dict) or "status" not in answer:
            raise ValueError
        return frozenset(answer.get("additions", ()))
    except urllib.error.HTTPError as error:
        if error.code >= 500:
            raise NoAnswer(f"{error.code} {error.reason}") from None
        hint = "check SPLASH_USER and SPLASH_PASS" if error.code in (401, 403) else ADVICE
        raise CannotStart(f"the renderer at {url} answered {error.code} {error.reason}. {hint}") from None
    except OSError as error:
        raise NoAnswer(str(error.reason if isinstance(error, urllib.error.URLError) else error)) from None
    except http.client.IncompleteRead:
        raise NoAnswer("it closed the connection") from None
    except (http.client.HTTPException, ValueError, TypeError):
        raise CannotStart(f"what answers at {url} is not Splash. {ADVICE}") from None


def _not_a_url(url: str) -> str:
    return f"SPLASH_URL={url.rstrip('/')!r} is not a URL; write it like http://127.0.0.1:8050"
