"""``scrapy console``: the web application that shows runs, changes and faults, and takes orders."""

from __future__ import annotations

import argparse

from scrapy.utils.log import configure_logging
from scrapy.utils.misc import load_object

from crawler.child_process import OPTION, OPTION_HELP, end_with_stdin
from crawler.database_command import CommandFailed, DatabaseCommand


class Command(DatabaseCommand):
    name = "console"
    imports_spiders = False

    def short_desc(self) -> str:
        return "Show runs, changes and faults in the browser, and take orders"

    def long_desc(self) -> str:
        return (
            "Serve the console at http://127.0.0.1:8770/ (CONSOLE_ADDRESS, CONSOLE_PORT) until SIGTERM. The first "
            "start prints a link with which you make your account. It imports no spider: the scheduler "
            "(`schedule --run`) and the crawls carry out what people order in it."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--address", help="the address on which it listens (CONSOLE_ADDRESS, 127.0.0.1)")
        parser.add_argument("--port", type=int, help="its port (CONSOLE_PORT, 8770)")
        parser.add_argument(
            "--no-browser", action="store_true", help="do not open the browser of this machine"
        )
        parser.add_argument(
            "--link",
            action="store_true",
            help="print a one-time link that makes the account of an admin, and end: for a forgotten password",
        )

        parser.add_argument(OPTION, action="store_true", dest="exit_with_stdin", help=OPTION_HELP)

    def serves(self, opts: argparse.Namespace) -> bool:
        return not opts.link

    def execute(self, args: list[str], opts: argparse.Namespace) -> None:
        if opts.exit_with_stdin:
            end_with_stdin()
        settings = self.project_settings
        if opts.address is not None:
            settings.set("CONSOLE_ADDRESS", opts.address, "cmdline")
        if opts.port is not None:
            settings.set("CONSOLE_PORT", opts.port, "cmdline")
        configure_logging(settings)
        try:
            run_console = load_object(settings["CONSOLE"])
        except ImportError as error:
            raise CommandFailed(
                f"a package of the console is missing ({error.name}): pip install 'splashdown[console]'"
            ) from None
        self.exitcode = run_console(settings, browser=not opts.no_browser, link_only=opts.link)
