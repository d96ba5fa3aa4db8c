"""Redacting secrets in URLs, arguments, and free text such as log lines and errors.

Everything that the crawl writes into a log, a table, a page snapshot, an alarm or a terminal is redacted here. The one
exception is ``crawl_request.request``, which a resume needs; nothing shows it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote_plus

from models.secret_names import (
    HEADER_PATTERN,
    MORE_THAN_A_WORD,
    ORDINARY_WORDS,
    SPOKEN_PATTERN,
    is_secret,
    may_be_secret,
)

HIDDEN = "***"
PLACEHOLDER = "PASSWORD"  # in messages that say how to write a URL
SHORTEST = (
    6  # characters of a known secret that is redacted everywhere; a shorter one would redact half of a log
)

_known: dict[str, None] = {}
_known_pattern: re.Pattern[str] | None = None


def remember(*values: str) -> None:
    """Redact these values in every text from now on, unless they are shorter than ``SHORTEST``."""
    global _known_pattern
    new = {form for value in values for form in (value, quote(value, safe="")) if len(form) >= SHORTEST}
    if not new.issubset(_known):
        _known.update(dict.fromkeys(new))
        longest_first = sorted(_known, key=len, reverse=True)
        _known_pattern = re.compile("|".join(map(re.escape, longest_first)))


def forget_all() -> None:
    """Forget all remembered values, because another crawl begins in this process."""
    global _known_pattern
    _known.clear()
    _known_pattern = None


# --- URLs ---------------------------------------------------------------------------------------------------

ARGUMENT = re.compile(r"(?<=[?&;#])([^=&;#?\s]+)=([^&;#\s]*)")
JWT = re.compile(r"\beyJ[\w-]{8,1000}\.[\w-]{8,}(?:\.[\w-]*)?")


def without_secrets(url: str) -> str:
    """Return the URL with ``***`` in place of its password and of the values of its secret arguments.

    A user name without a password is redacted too, because it may be a token. In the URL of a database or a broker the
    user name and password end at the last "@", also if the password has characters that should have been encoded.
    """
    if _known_pattern is not None:
        url = _known_pattern.sub(HIDDEN, url)
    if "@" in url:
        url = _without_password(url)
    if "=" in url and ("?" in url or "#" in url or ";" in url):
        url = ARGUMENT.sub(_hide_argument, url)
    return JWT.sub(HIDDEN, url) if "eyJ" in url else url


def _without_password(url: str) -> str:
    scheme, mark, rest = url.partition("://")
    if not mark or rest.startswith("/"):
        return url
    of_the_web = scheme.lower() in ("http", "https", "ws", "wss", "ftp")
    end = re.search(r"[/?#]", rest) if of_the_web else None
    authority, path = (rest[: end.start()], rest[end.start() :]) if end else (rest, "")
    userinfo, at, host = authority.rpartition("@")
    if not at:
        return url
    user, colon, password = userinfo.partition(":")
    if password == PLACEHOLDER or (not colon and not of_the_web):
        return url  # an example in a message, or a database's user
    return f"{scheme}://{f'{user}:{HIDDEN}' if colon else HIDDEN}@{host}{path}"


def _hide_argument(found: re.Match[str]) -> str:
    return f"{found[1]}={HIDDEN}" if may_be_secret(unquote_plus(found[1])) else found[0]


def with_secrets_of(url: str, whole: str) -> str:
    """Return the URL with the values of the same arguments in ``whole`` in place of ``***``."""
    said = dict(ARGUMENT.findall(whole))
    return ARGUMENT.sub(
        lambda found: f"{found[1]}={said.get(found[1], found[2])}" if found[2] == HIDDEN else found[0], url
    )


# --- Values -------------------------------------------------------------------------------------------------


def hidden_values(value: Any) -> Any:
    """Return a copy of a JSON value with ``***`` in place of each value that has a secret's name, at any depth."""
    if isinstance(value, Mapping):
        return {
            name: HIDDEN if may_be_secret(str(name)) else hidden_values(part) for name, part in value.items()
        }
    if isinstance(value, list | tuple):
        return [hidden_values(part) for part in value]
    return redacted(value) if isinstance(value, str) else value


def redacted_parts(value: Any) -> Any:
    """Return a copy of a JSON value with its texts redacted; a value with a secret's name is not replaced."""
    if isinstance(value, Mapping):
        return {name: redacted_parts(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [redacted_parts(part) for part in value]
    return redacted(value) if isinstance(value, str) else value


# --- Text ---------------------------------------------------------------------------------------------------

URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]{0,19}://[^\s\"'<>`]+")
HEADER = re.compile(
    rf"\b({HEADER_PATTERN})\b"
    r"(\s*:[ \t]*)(?=[^\s\[{\"'])(?!b[\"'])[^\n]+",
    re.IGNORECASE,
)
# me:password@host, as a resolver of names repeats it
USERINFO = re.compile(r"(?<![\w/:.@])(?!mailto:)([\w.+%-]{1,100}):([^\s/@:'\"]{3,200})@(?=[\w\[])")
SCHEME = re.compile(r"\b(Basic|Bearer|Token|Digest|Negotiate)(\s+)([A-Za-z0-9+/=._~-]{6,})")
# "password": "x", ('token', b'x'), ["Authorization", ["Basic x"]], password=x
QUOTED_NAME = re.compile(r"(?P<quote>\\?[\"'])(?P<name>[\w.\-]{2,60})(?P=quote)(?P<mark>\s*[:,]\s*)")
QUOTED_VALUE = re.compile(r"\[[^\]\n]*\]?|\{[^}\n]*\}?|b?\\?\"[^\"\n]*\"?|b?\\?'[^'\n]*'?|[^\s,}\])]+")
# The dotted path of a class without digits, as lists of middlewares have it.
CLASS_PATH = re.compile(r"(?:[a-z_][a-z0-9_]*\.)+[A-Z][A-Za-z]*")
ASSIGNED = re.compile(
    r"(?<![\w?&;#.\-*])(?P<name>[A-Za-z][\w.\-]{1,60})(?P<mark> ?= ?)"
    r"(?P<value>\"[^\"\n]*\"|'[^'\n]*'|[^\s,;&)\]}]+)"
)
SPOKEN = re.compile(rf"\b({SPOKEN_PATTERN})(:\s*)([^\s,;)\]}}]+)", re.IGNORECASE)
NO_SECRETS = frozenset(("yes", "no", "true", "false", "none", "null", HIDDEN))
SIGNS = re.compile(r"[=:@,]|eyJ|asic |earer |oken |igest |egotiate ")


def redacted(text: str) -> str:
    """Return the text with its secrets redacted: known ones, those of URLs and headers, and values of secret names."""
    if _known_pattern is not None:
        text = _known_pattern.sub(HIDDEN, text)
    if not SIGNS.search(text):
        return text
    if URL.fullmatch(text):
        return without_secrets(text)
    if "://" in text:
        text = URL.sub(lambda found: without_secrets(found[0]), text)
    if "@" in text:
        text = USERINFO.sub(rf"\1:{HIDDEN}@", text)
    if "eyJ" in text:
        text = JWT.sub(HIDDEN, text)
    text = HEADER.sub(rf"\1\2{HIDDEN}", text)
    text = SCHEME.sub(_hide_scheme, text)
    if '"' in text or "'" in text:
        text = _hide_quoted(text)
    if "=" in text:
        text = ASSIGNED.sub(_hide_assigned, text)
    return SPOKEN.sub(_hide_spoken, text) if ":" in text else text


def _hide_scheme(found: re.Match[str]) -> str:
    scheme, space, value = found.groups()
    if scheme == "Basic":
        try:
            secret = b":" in base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            secret = False
    else:
        secret = len(value) >= 12 and any(character.isdigit() for character in value)
    return f"{scheme}{space}{HIDDEN}" if secret else found[0]


def _hide_quoted(text: str) -> str:
    parts, done = [], 0
    for found in QUOTED_NAME.finditer(text):
        name, mark = found["name"], found["mark"].strip()
        if found.start() < done or not (may_be_secret(name) if mark == ":" else is_secret(name)):
            continue
        if mark == "," and name.lower() in ORDINARY_WORDS:
            continue  # a list of words
        value = QUOTED_VALUE.match(text, found.end())
        if value is None or value[0].strip("\"'").lower() in NO_SECRETS:
            continue
        if mark == "," and CLASS_PATH.fullmatch(name) and CLASS_PATH.fullmatch(value[0].strip("\"'")):
            continue  # a list of classes
        parts += [text[done : found.end()], _hidden_like(value[0])]
        done = value.end()
    return "".join([*parts, text[done:]]) if parts else text


def _hidden_like(value: str) -> str:
    """Return ``***`` in the quotation marks and brackets of the value."""
    inner = value.strip("[")
    quote_ = next((one for one in ('\\"', "\\'", '"', "'") if inner.removeprefix("b").startswith(one)), "")
    shown = f"{quote_}{HIDDEN}{quote_}"
    return f"[{shown}]" if value.startswith("[") else shown


def _hide_assigned(found: re.Match[str]) -> str:
    name, value = found["name"], found["value"]
    ordinary = name.lower() in ORDINARY_WORDS and name.lower() not in MORE_THAN_A_WORD
    if ordinary or not may_be_secret(name) or value.strip("\"'").lower() in NO_SECRETS:
        return found[0]
    return f"{name}{found['mark']}{_hidden_like(value)}"


def _hide_spoken(found: re.Match[str]) -> str:
    return found[0] if found[3].lower().strip("'\"") in NO_SECRETS else f"{found[1]}{found[2]}{HIDDEN}"
