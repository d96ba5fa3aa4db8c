"""localStorage and sessionStorage of the sessions that ``log_in(storage=True)`` made, in the memory of this process.

Nothing writes them anywhere. A resumed run logs in again, as it does for cookies.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.http import Response

from crawler.meta_keys import RENDER
from models.redaction import remember
from models.secret_names import is_secret

# The argument of our render scripts that has the storage, and the key of their answer. Its name is that of a secret, so
# that no output shows its value.
STORAGE = "auth_storage"
ASKS = "storage"  # the argument of a login whose answer has the storage
LIKE_A_TOKEN = 20  # characters of a text without spaces that is redacted, whatever its name is

logger = logging.getLogger("splashdown.render")


class SessionStorages:
    """What pages of an origin find in their storage, by the session's id."""

    def __init__(self) -> None:
        self._by_session: defaultdict[str, dict[str, dict[str, Any]]] = defaultdict(dict)

    def add_to(self, page: Request) -> None:
        """Put the storage of the session and the origin of a page into the arguments of its request, in place."""
        options = page.meta["splash"]
        if not RENDER.is_in(page) or options.get("session_id") is None or ASKS in options["args"]:
            return
        stored = self._by_session[options["session_id"]].get(origin_of(page.url))
        if stored is not None:
            options["args"][STORAGE] = json.dumps(stored)
            page.meta["dont_cache"] = True  # Scrapy's HTTP cache saves requests to files

    def take_from(self, request: Request, response: Response) -> None:
        """Move the storage from an answer into the session of its request."""
        data = getattr(response, "data", None)
        text = data.pop(STORAGE, None) if isinstance(data, dict) else None
        options = request.meta["splash"]
        session = options.get("new_session_id", options.get("session_id"))
        if not text or session is None or not isinstance(data, dict) or not data.get("appeared"):
            return
        stored = json.loads(text)
        kept = self._by_session[session]
        if ASKS not in options["args"] and stored["origin"] not in kept:
            return  # a page of another site, to which this one led
        sent = options["args"].get(STORAGE)
        if sent is not None and json.loads(sent) == stored:
            return  # another page may have changed it since
        kept[stored["origin"]] = stored
        remember(*secrets_of({**stored["local"], **stored["session"]}))
        if not stored["local"] and not stored["session"]:
            logger.warning(
                "%s: storage=True, but its localStorage and sessionStorage are empty after the login",
                response.url,
            )


def origin_of(url: str) -> str:
    """Return the origin of a URL, as ``location.origin`` in a page."""
    parts = urlsplit(url)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    port = f":{parts.port}" if parts.port and parts.port != default else ""
    host = parts.hostname or ""
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}"


def secrets_of(values: Mapping[str, Any]) -> Iterator[str]:
    """Yield the values that give access, by their names or because they look like tokens, at any depth of JSON."""
    for name, value in values.items():
        inner = _json_of(value)
        if isinstance(inner, Mapping):
            yield from secrets_of(inner)
        elif isinstance(inner, list):
            yield from secrets_of(dict(enumerate_names(name, inner)))
        elif isinstance(inner, str) and (is_secret(str(name)) or _is_like_a_token(inner)):
            yield inner


def enumerate_names(name: str, values: list[Any]) -> Iterator[tuple[str, Any]]:
    """Yield the values of a list, each with the list's name."""
    for number, value in enumerate(values):
        yield f"{name} {number}", value


def _is_like_a_token(text: str) -> bool:
    return len(text) >= LIKE_A_TOKEN and not any(character.isspace() for character in text)


def _json_of(value: Any) -> Any:
    """Return the JSON value of a text that is JSON; other values unchanged."""
    if not isinstance(value, str) or value[:1] not in ("{", "[", '"'):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
