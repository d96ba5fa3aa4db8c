"""``python -m demo``: the demo site, at http://127.0.0.1:8765 unless told otherwise."""

from __future__ import annotations

import argparse
import asyncio
import errno
import sys
from collections.abc import Callable, Sequence

from demo.pages import NEW_LAYOUT, OLD_LAYOUT
from demo.server import make_app, serve
from demo.shop import shop

MOST_BOOKS = 99_999  # what a sku has digits for, a few decades of new books included
LAST_DAY = 1000  # each one is lived through at the start


def whole_number(lowest: int, highest: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if text.isascii() and text.isdigit() and len(text) < 10 and lowest <= int(text) <= highest:
            return int(text)
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from {lowest} to {highest}")

    return parse


def parse_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m demo", description="A shop of made-up books, to be crawled."
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=whole_number(0, 65535), default=8765, help="0 for a free one (default: %(default)s)"
    )
    parser.add_argument(
        "--day", type=whole_number(1, LAST_DAY), default=1,
        help="the shop's clock; on each day something has changed (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--books", type=whole_number(1, MOST_BOOKS), default=1000,
        help="how many the shop opens with (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--layout", choices=[OLD_LAYOUT, NEW_LAYOUT], default=OLD_LAYOUT,
        help="the new one hides the prices, so that spiders break (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--exit-with-stdin", action="store_true", help="end when standard input ends")
    parser.add_argument("--log-requests", action="store_true", help="a line on standard error per request")
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
    except KeyboardInterrupt:  # before serve() listens to signals itself
        return 130
    return 0


def advice(error: OSError, host: str, port: int) -> str:
    """What went wrong with the address, and what to do about it, in a line."""
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is in use already; end what listens there, or choose another one with --port"
    return (
        f"cannot listen on {host}, port {port} ({error.strerror or error}); choose others with --host, --port"
    )


if __name__ == "__main__":
    sys.exit(main())
