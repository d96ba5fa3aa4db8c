"""GivenCookies: the cookies that a client sets before or during a render, and the cookies that it gets back."""

from __future__ import annotations

import time
from collections.abc import Iterable

from renderer.chromium.cdp import Params
from renderer.network.har import cookie_from_har, cookie_to_har, read_date
from renderer.tab.tab import Tab


class GivenCookies:
    """The cookies as the client set them: Chromium drops those that expired or have no domain, and changes others."""

    def __init__(self, tab: Tab) -> None:
        self._tab = tab
        self._given: list[Params] = []

    async def add(self, cookies: Iterable[Params]) -> None:
        """Set these cookies, in HAR's form.

        Raises:
            CommandFailed: Chromium refuses a cookie.
        """
        settable = []
        for cookie in cookies:
            is_the_pages = not cookie.get("domain") and self._tab.load.url.startswith("http")
            if not is_the_pages:
                self._remember(cookie)
                if not cookie.get("domain"):
                    continue  # without a domain and a page, Chromium cannot store it
            settable.append(cookie_from_har(cookie, self._tab.load.url))
        if settable:
            await self._tab.set_cookies(settable)

    async def all(self) -> list[Params]:
        """Return the cookies of the tab in HAR's form; a cookie that no page has changed, as it was set."""
        stored = [cookie_to_har(cookie) for cookie in await self._tab.cookies()]
        given = []
        for cookie in self._given:
            same = next((other for other in stored if _is_same(other, cookie)), None)
            if same is not None:
                stored.remove(same)
                # A page may have set it again since.
                given.append(cookie if cookie["value"] == same["value"] else same)
            elif not _is_stored(cookie):
                given.append(cookie)
        return [*given, *stored]

    async def clear(self) -> None:
        """Remove all cookies."""
        self._given.clear()
        await self._tab.clear_cookies()

    async def delete(self, name: str | None, url: str | None) -> None:
        """Remove the cookies with this name, of the host of this URL; None stands for any."""
        self._given = [cookie for cookie in self._given if not _matches(cookie, name, url)]
        kept = [cookie for cookie in await self._tab.cookies() if not _matches(cookie, name, url)]
        await self._tab.clear_cookies()
        if kept:
            await self._tab.set_cookies([_settable(cookie) for cookie in kept])

    def _remember(self, cookie: Params) -> None:
        given: Params = {name: cookie.get(name) or "" for name in ("name", "value", "path", "domain")}
        given |= {name: bool(cookie.get(name)) for name in ("httpOnly", "secure")}
        if cookie.get("expires"):
            given["expires"] = cookie["expires"]
        self._given = [other for other in self._given if not _is_same(other, given)]
        self._given.append(given)


def _is_same(cookie: Params, given: Params) -> bool:
    """Return whether one cookie replaces the other."""
    return (cookie["name"], cookie["domain"].lstrip("."), cookie["path"] or "/") == (
        given["name"],
        given["domain"].lstrip("."),
        given["path"] or "/",
    )


def _is_stored(given: Params) -> bool:
    """Return whether Chromium stores such a cookie until a page or a script removes it."""
    expires = read_date(str(given["expires"])) if "expires" in given else None
    return bool(given["domain"]) and (expires is None or expires > time.time())


def _matches(cookie: Params, name: str | None, url: str | None) -> bool:
    if name is not None and cookie["name"] != name:
        return False
    if url is None:
        return True
    host = url.partition("//")[2].partition("/")[0].partition(":")[0]
    domain = cookie["domain"].lstrip(".")
    return host == domain or (cookie["domain"].startswith(".") and host.endswith(f".{domain}"))


def _settable(cookie: Params) -> Params:
    names = ("name", "value", "domain", "path", "secure", "httpOnly", "sameSite")
    result = {name: cookie[name] for name in names if name in cookie}
    if not cookie.get("session", False):
        result["expires"] = cookie["expires"]
    return result
