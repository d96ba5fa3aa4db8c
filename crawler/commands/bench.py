"""``scrapy bench``: Scrapy's command, which stores nothing here."""

from __future__ import annotations

from scrapy.commands.bench import Command as ScrapyCommand

from crawler.inspection_command import Inspection


class Command(Inspection, ScrapyCommand):
    name = "bench"
