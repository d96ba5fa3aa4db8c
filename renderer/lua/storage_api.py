"""Cookies as scripts see and set them."""

from __future__ import annotations

import time
from typing import Any

from renderer.cdp import CommandFailed, Params
from renderer.har import cookie_from_har, cookie_to_har, read_date
from renderer.lua.runtime import Command, LuaFailure, Runtime
from renderer.tab import Tab


class StorageApi:
    def __init__(self, tab: Tab) -> None:
        self._tab = tab
        # As the script wrote them: Chromium keeps none that expired or has no domain, and changes the others.
        self._given: list[Params] = []

    def add_to(self, runtime: Runtime) -> None:
        for name, function in (
            ("get_cookies", self.get_cookies),
            ("clear_cookies", self.clear_cookies),
            ("delete_cookies", self.delete_cookies),
            ("add_cookie", self.add_cookie),
        ):
            runtime.add(Command(name, function))
            runtime.host[b"add_method"](name.encode())
        runtime.add(Command("init_cookies", self.init_cookies, takes_table=True))
        runtime.host[b"add_method"](b"init_cookies")

    async def get_cookies(self) -> list[Params]:
        stored = [cookie_to_har(cookie) for cookie in await self._tab.cookies()]
        given = []
        for cookie in self._given:
            same = next((other for other in stored if _is_same(other, cookie)), None)
            if same is not None:
                stored.remove(same)
                # A page may have set it anew.
                given.append(cookie if cookie["value"] == same["value"] else same)
            elif not _is_stored(cookie):
                given.append(cookie)
        return [*given, *stored]

    async def clear_cookies(self) -> int:
        count = len(await self.get_cookies())
        self._given.clear()
        await self._tab.clear_cookies()
        return count

    async def delete_cookies(self, name: str | None = None, url: str | None = None) -> int:
        before = len(await self.get_cookies())
        self._given = [cookie for cookie in self._given if not _matches(cookie, name, url)]
        kept = [cookie for cookie in await self._tab.cookies() if not _matches(cookie, name, url)]
        await self._tab.clear_cookies()
        if kept:
            await self._tab.set_cookies([_again(cookie) for cookie in kept])
        return before - len(await self.get_cookies())

    async def add_cookie(
        self,
        name: str,
        value: str,
        path: str | None = None,
        domain: str | None = None,
        expires: str | None = None,
        httpOnly: bool | None = None,
        secure: bool | None = None,
    ) -> bool:
        cookie = {
            "name": name,
            "value": value,
            "path": path,
            "domain": domain,
            "expires": expires,
            "httpOnly": httpOnly,
            "secure": secure,
        }
        await self._set([cookie])
        return True

    async def init_cookies(self, cookies: Any = None) -> None:
        if isinstance(cookies, dict):
            cookies = [cookies[key] for key in sorted(cookies)]
        if not isinstance(cookies, list) or not all(isinstance(cookie, dict) for cookie in cookies):
            raise LuaFailure("splash:init_cookies() argument must be a table of cookies", argument="cookies")
        await self.clear_cookies()
        await self._set(cookies)

    def _remember(self, cookie: Params) -> None:
        given: Params = {name: cookie.get(name) or "" for name in ("name", "value", "path", "domain")}
        given |= {name: bool(cookie.get(name)) for name in ("httpOnly", "secure")}
        if cookie.get("expires"):
            given["expires"] = cookie["expires"]
        self._given = [other for other in self._given if not _is_same(other, given)]
        self._given.append(given)

    async def _set(self, cookies: list[Params]) -> None:
        for cookie in cookies:
            if "name" not in cookie or "value" not in cookie:
                raise LuaFailure("a cookie needs a name and a value")
            is_the_pages = not cookie.get("domain") and self._tab.load.url.startswith("http")
            if not is_the_pages:
                self._remember(cookie)
                if not cookie.get("domain"):
                    continue  # it belongs to no page that there is
            try:
                await self._tab.set_cookies([cookie_from_har(cookie, self._tab.load.url)])
            except CommandFailed as error:
                raise LuaFailure(f"cookie {cookie['name']!r} is not valid: {error.message}") from error


def _is_same(cookie: Params, given: Params) -> bool:
    """Whether one takes the other's place."""
    return (cookie["name"], cookie["domain"].lstrip("."), cookie["path"] or "/") == (
        given["name"],
        given["domain"].lstrip("."),
        given["path"] or "/",
    )


def _is_stored(given: Params) -> bool:
    """Whether Chromium keeps such a cookie until somebody removes it."""
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


def _again(cookie: Params) -> Params:
    names = ("name", "value", "domain", "path", "secure", "httpOnly", "sameSite")
    result = {name: cookie[name] for name in names if name in cookie}
    if not cookie.get("session", False):
        result["expires"] = cookie["expires"]
    return result
