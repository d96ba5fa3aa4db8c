"""The commands of cookies."""

from __future__ import annotations

from typing import Any

from renderer.chromium.cdp import CommandFailed, Params
from renderer.lua.runtime import Command, LuaFailure, Runtime
from renderer.tab.given_cookies import GivenCookies
from renderer.tab.tab import Tab


class StorageApi:
    """The commands of cookies."""

    def __init__(self, tab: Tab) -> None:
        self._cookies = GivenCookies(tab)

    def add_to(self, runtime: Runtime) -> None:
        for name, function in (
            ("get_cookies", self.get_cookies),
            ("clear_cookies", self.clear_cookies),
            ("delete_cookies", self.delete_cookies),
            ("add_cookie", self.add_cookie),
        ):
            runtime.add(Command(name, function))
            runtime.host.call(b"add_method", name.encode())
        runtime.add(Command("init_cookies", self.init_cookies, takes_table=True))
        runtime.host.call(b"add_method", b"init_cookies")

    async def get_cookies(self) -> list[Params]:
        return await self._cookies.all()

    async def clear_cookies(self) -> int:
        count = len(await self.get_cookies())
        await self._cookies.clear()
        return count

    async def delete_cookies(self, name: str | None = None, url: str | None = None) -> int:
        before = len(await self.get_cookies())
        await self._cookies.delete(name, url)
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

    async def _set(self, cookies: list[Params]) -> None:
        for cookie in cookies:
            if "name" not in cookie or "value" not in cookie:
                raise LuaFailure("a cookie needs a name and a value")
            try:
                await self._cookies.add([cookie])
            except CommandFailed as error:
                raise LuaFailure(f"cookie {cookie['name']!r} is not valid: {error.message}") from error
