"""Scrapy's telnet console and remote control, imported only if a setting switches them on; both are off by default.

The imports of aiohttp and of twisted.conch would be a tenth of the start of a crawl.
"""

from __future__ import annotations

from typing import Any

from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.utils.misc import build_from_crawler, load_object


class TelnetConsole:
    """Makes Scrapy's extension if ``TELNETCONSOLE_ENABLED`` is on."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Any:
        return _extension(crawler, "TELNETCONSOLE_ENABLED", "scrapy.extensions.telnet.TelnetConsole")


class RemoteControl:
    """Makes Scrapy's extension if ``REMOTE_CONTROL_ENABLED`` is on."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Any:
        return _extension(crawler, "REMOTE_CONTROL_ENABLED", "scrapy.extensions.remote_control.RemoteControl")


def _extension(crawler: Crawler, setting: str, path: str) -> Any:
    """Return Scrapy's extension.

    Raises:
        NotConfigured: the setting is off, or Scrapy's extension cannot run.
    """
    if not crawler.settings.getbool(setting):
        raise NotConfigured
    return build_from_crawler(load_object(path), crawler)
