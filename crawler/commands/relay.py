"""``scrapy relay``: send the events of the outbox to the brokers and webhooks of BROKER_URL."""

from __future__ import annotations

import argparse

from scrapy.utils.log import configure_logging
from scrapy.utils.misc import load_object

from crawler.database_command import DatabaseCommand


class Command(DatabaseCommand):
    name = "relay"

    def syntax(self) -> str:
        return "[--once]"

    def short_desc(self) -> str:
        return "Send the events of the outbox to BROKER_URL"

    def long_desc(self) -> str:
        return (
            "Send each change of a row to the brokers and webhooks of BROKER_URL, until SIGTERM: at least once, and in "
            "the order of the row's changes. One relay sends at a time: a second one ends with exit code 75."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument(
            "--once",
            action="store_true",
            help="end when all events are sent, for cron; exit code 2 if a sink did not get all or refused some, "
            "4 after a signal",
        )

    def serves(self, opts: argparse.Namespace) -> bool:
        return not opts.once

    def execute(self, args: list[str], opts: argparse.Namespace) -> None:
        settings = self.project_settings
        configure_logging(settings)
        self.exitcode = load_object(settings["RELAY"])(settings, once=opts.once)
