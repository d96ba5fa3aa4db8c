"""``scrapy parse``: Scrapy's own, which looks and stores nothing."""

from __future__ import annotations

from typing import ClassVar

from scrapy.commands.parse import Command as ScrapyCommand


class Command(ScrapyCommand):
    default_settings: ClassVar = {**ScrapyCommand.default_settings, "RUN_ENABLED": False}
