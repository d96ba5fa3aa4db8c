"""The proxy of a render: the argument ``proxy``, and the profiles that it may name."""

from __future__ import annotations

import configparser
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from renderer.egress.profile_folders import path_inside

SCHEMES = ("http", "socks5")
DEFAULT_PORT = 1080
NO_SUCH_PROFILE = "Proxy profile does not exist"
NONE = "none"


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """The address of a proxy, and the credentials for it."""

    scheme: str
    host: str
    port: int
    username: str = ""
    password: str = ""


@dataclass(frozen=True, kw_only=True)
class ProxyRules:
    """A proxy and the URLs that go through it: regular expressions that match from a URL's start."""

    proxy: Proxy
    allow: tuple[re.Pattern[str], ...] = ()
    deny: tuple[re.Pattern[str], ...] = ()
    trusted: bool = False  # the operator of the server has named the proxy, not a client

    def covers(self, url: str) -> bool:
        """Return whether a request for this URL uses the proxy."""
        if any(pattern.match(url) for pattern in self.deny):
            return False
        return not self.allow or any(pattern.match(url) for pattern in self.allow)


def read_proxy(value: str | None, profiles: Path | None) -> ProxyRules | None:
    """Return the rules that the argument ``proxy`` names, or None for no proxy.

    Raises:
        ValueError: the argument or the profile is wrong; the message says what is wrong.
    """
    if value and re.match(r"\w+://", value):
        return ProxyRules(proxy=parse_proxy(value))
    if value in ("", NONE) or (value is None and profiles is None):
        return None
    if profiles is None:
        # Splash uses no proxy in this case. That would show the site an address that the client wants to hide.
        raise ValueError(NO_SUCH_PROFILE)
    path = path_inside(profiles, f"{value or 'default'}.ini")
    if value is None and (path is None or not path.is_file()):
        return None
    if path is None or not path.is_file():
        raise ValueError(NO_SUCH_PROFILE)
    return _read_profile(path)


def parse_proxy(url: str) -> Proxy:
    """Return the proxy of ``scheme://[user:password@]host[:port]``; raise ValueError for any other text."""
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORT
    except ValueError:
        raise ValueError("Invalid proxy URL format.") from None
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise ValueError("Invalid proxy URL format.")
    return Proxy(
        scheme=parts.scheme,
        host=parts.hostname,
        port=port,
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


def _read_profile(path: Path) -> ProxyRules:
    # Passwords and patterns may contain any character, so the parser interpolates nothing.
    profile = configparser.ConfigParser(allow_no_value=True, interpolation=None)
    try:
        profile.read(path, encoding="utf-8")
    except configparser.Error as error:
        raise ValueError(f"Invalid proxy profile: {error.message}") from error
    if not profile.has_section("proxy"):
        raise ValueError("Invalid proxy profile: no [proxy] section found")
    section = profile["proxy"]
    host, port, scheme = section.get("host"), section.get("port"), (section.get("type") or "http").lower()
    if not host:
        raise ValueError("Invalid proxy profile: [proxy] host is not found")
    if not port or not port.isdigit():
        raise ValueError("Invalid proxy profile: [proxy] port is not found")
    if scheme not in SCHEMES:
        raise ValueError("Invalid proxy profile: [proxy] type is neither HTTP nor SOCKS5")
    proxy = Proxy(
        scheme=scheme,
        host=host,
        port=int(port),
        username=section.get("username") or "",
        password=section.get("password") or "",
    )
    return ProxyRules(
        proxy=proxy,
        trusted=True,
        allow=_patterns(profile, "whitelist") or _patterns(profile, "allowlist"),
        deny=_patterns(profile, "blacklist") or _patterns(profile, "denylist"),
    )


def _patterns(profile: configparser.ConfigParser, name: str) -> tuple[re.Pattern[str], ...]:
    lines = (profile.get("rules", name, fallback="") or "").splitlines()
    try:
        return tuple(re.compile(line) for line in lines if line)
    except re.error as error:
        raise ValueError(f"Invalid proxy profile: {name}: {error}") from error
