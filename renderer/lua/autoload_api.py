"""``splash:autoload``: the script's JavaScript runs in every later page, before the page's own."""

from __future__ import annotations

from renderer.lua.http_api import HttpApi
from renderer.lua.runtime import Command, LuaFailure, Results, Runtime
from renderer.network.exchanges import Exchange
from renderer.network.har import response_to_har
from renderer.tab.tab import Tab

# Splash's reasons for these statuses; it has one reason for all others.
_REASONS = {
    401: "auth_required",
    403: "access_denied_401",
    404: "not_found_404",
    405: "operation_not_permitted",
    407: "proxy_auth_required",
}


class AutoloadApi:
    """The commands ``autoload`` and ``autoload_reset``. They take source, or a URL that is downloaded once."""

    def __init__(self, tab: Tab, http: HttpApi) -> None:
        self._tab, self._http = tab, http
        self._scripts: list[str] = []

    def add_to(self, runtime: Runtime) -> None:
        for function in (self.autoload, self.autoload_reset):
            runtime.add(Command(function.__name__, function))
            runtime.host.call(b"add_method", function.__name__.encode())

    async def autoload(
        self, source_or_url: str | None = None, source: str | None = None, url: str | None = None
    ) -> bool | Results:
        given = [value for value in (source_or_url, source, url) if value is not None]
        if len(given) != 1 or not isinstance(given[0], str):
            raise LuaFailure("splash:autoload requires a single argument")
        text = given[0].strip()
        if url is not None or (source is None and text.startswith(("http://", "https://"))):
            exchange = await self._http.fetch("GET", text)
            if reason := _download_error(exchange):
                return Results((None, reason))
            text = (exchange.response_body or b"").decode("utf-8", "replace")
        self._scripts.append(await self._tab.scripts.add(text))
        return True

    async def autoload_reset(self) -> None:
        for identifier in self._scripts:
            await self._tab.scripts.remove(identifier)
        self._scripts.clear()


def _download_error(exchange: Exchange) -> str:
    """Return the reason why a download failed, or an empty text."""
    answer = response_to_har(exchange)
    status: int = answer["status"]
    if exchange.response is None or exchange.failure:
        return str(answer["statusText"])
    return (
        "" if status < 400 else _REASONS.get(status, "unknown_remote_content_error" if status < 500 else "?")
    )
