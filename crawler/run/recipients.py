"""The recipients of alarms: the addresses of ALERT_URLS, and how people see them."""

from __future__ import annotations

import re
from collections import Counter
from urllib.parse import urlsplit

from models.redaction import HIDDEN, redacted

LONGEST = 200  # characters of a shown address

# An address ends before the next one, as in Apprise.
ADDRESS = re.compile(r"([a-z0-9]+?://.*?)(?=$|[\s,;]{1,32}[a-z0-9]{1,32}?://)", re.IGNORECASE)
# The services whose addresses have a host. Those of other services have a token, a channel or a user in its place.
WITH_HOST = frozenset(
    ("mailto", "mailtos", "json", "jsons", "xml", "xmls", "form", "forms", "gotify", "gotifys", "mmost", "mmosts",
     "rocket", "rockets", "apprise", "apprises")
)  # fmt: skip
HOST = re.compile(r"localhost|(?=.*\.)[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?", re.IGNORECASE)


def recipients_of(addresses: str) -> dict[str, str]:
    """Return the addresses of ALERT_URLS by how they are shown, without secrets: ``mailtos://***@example.org``.

    Addresses that are shown the same are numbered in their order: ``slack://***``, ``slack://*** (2)``.
    """
    found: dict[str, str] = {}
    times: Counter[str] = Counter()
    for address in ADDRESS.findall(addresses.rstrip()):
        shown = redacted(shown_address(address))[:LONGEST]
        times[shown] += 1
        found[shown if times[shown] == 1 else f"{shown} ({times[shown]})"] = address
    return found


def shown_address(address: str) -> str:
    """Return an address with ``***`` in place of each part that may be a secret."""
    scheme, _, _ = address.partition("://")
    scheme = scheme.lower()
    hidden = f"{scheme}://{HIDDEN}"
    if scheme not in WITH_HOST:
        return hidden
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return hidden
    # A password may have a "/", "?" or "#" that is not encoded. Then the host is a part of it. "?to=me@example.org" is
    # an argument.
    is_torn = "@" in f"{parts.path}{parts.fragment}" or ("@" in parts.query and "@" not in parts.netloc)
    if is_torn or not HOST.fullmatch(host):
        return hidden
    user = f"{HIDDEN}@" if "@" in parts.netloc else ""
    more = f"/{HIDDEN}" if parts.path.strip("/") or parts.query or parts.fragment else ""
    return f"{scheme}://{user}{host}{f':{port}' if port else ''}{more}"
