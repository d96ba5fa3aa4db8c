"""``python -m demo``: the demo site, by default at http://127.0.0.1:8765."""

from __future__ import annotations

import argparse
import asyncio
import errno
import sys
from collections.abc import Callable, Sequence

from demo.pages import NEW_LAYOUT, OLD_LAYOUT
from demo.server import make_app, serve
from demo.shop import shop

MOST_BOOKS = 99_999  # a sku has five digits; a few decades of new books fit as well
LAST_DAY = 1000  # the start computes every day up to the chosen one


def whole_number(lowest: int, highest: int) -> Callable[[str], int]:
    """Return argparse's reader of a number from ``lowest`` to ``highest``."""

    def parse(text: str) -> int:
        if text.isascii() and text.isdigit() and len(text) < 10 and lowest <= int(text) <= highest:
            return int(text)
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from {lowest} to {highest}")

    return parse


def parse_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m demo", description="Serve a shop of invented books, for crawlers."
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port",
        type=whole_number(0, 65535),
        default=8765,
        help="the port to listen on, 0 for a free port (default: %(default)s)",
    )
    parser.add_argument(
        "--day", type=whole_number(1, LAST_DAY), default=1,
        help="the day of the shop; some goods change on each day (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--books", type=whole_number(1, MOST_BOOKS), default=1000,
        help="the number of books on day 1 (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--layout", choices=[OLD_LAYOUT, NEW_LAYOUT], default=OLD_LAYOUT,
        help="the new layout hides the prices, so that spiders break (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--exit-with-stdin", action="store_true", help="exit when standard input ends")
    parser.add_argument(
        "--log-requests", action="store_true", help="write one line to standard error for each request"
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse_options(arguments)
    try:
        asyncio.run(
            serve(
                make_app(shop(day=options.day, books=options.books), options.layout),
                options.host,
                options.port,
                log_requests=options.log_requests,
                exit_with_stdin=options.exit_with_stdin,
            )
        )
    except OSError as error:
        print(f"python -m demo: {advice(error, options.host, options.port)}", file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:  # before serve() has installed its signal handlers
        return 130
    return 0


def advice(error: OSError, host: str, port: int) -> str:
    """Return one line that says why the address cannot be used, and what to do."""
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} is in use; stop the program that listens on it, or choose another port with --port"
        )
    return f"cannot listen on {host}, port {port} ({error.strerror or error}); choose others with --host and --port"


if __name__ == "__main__":
    sys.exit(main())
