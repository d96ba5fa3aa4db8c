"""The user name and the password of a URL, separate from the URL."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit, urlunsplit

from w3lib.http import basic_auth_header


def without_userinfo(url: str) -> tuple[str, bytes | None]:
    """Return the URL without user name and password, which logs would show, and the Authorization header for them."""
    parts = urlsplit(url)
    userinfo, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, None
    user, _, password = userinfo.partition(":")
    return urlunsplit(parts._replace(netloc=host)), basic_auth_header(unquote(user), unquote(password))
