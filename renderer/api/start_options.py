"""Splash's start-up options: with them, our image can replace Splash's image in a compose file."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

log = logging.getLogger(__name__)

ENGINES = ("webkit", "chromium")
ALLOWED_SCHEMES = "http,https,data"

# Options without effect, each with the reason.
_MEANINGLESS = {
    "disable_private_mode": "every render has a private context of its own",
    "disable_xvfb": "Chromium runs without a display",
    "xvfb_screen_size": "Chromium runs without a display",
    "strict_lua_runner": "the renderer always reports its internal errors",
}


def names(text: str) -> tuple[str, ...]:
    """Return the members of a list with commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def engines(text: str) -> tuple[str, ...]:
    """Return the engines of a list with commas; raise ArgumentTypeError for an unknown one."""
    chosen = names(text)
    unknown = [name for name in chosen if name not in ENGINES]
    if unknown or not chosen:
        raise argparse.ArgumentTypeError(
            f"{', '.join(unknown) or 'an empty list'} is not supported; the engines are {', '.join(ENGINES)}"
        )
    return chosen


def modules(text: str) -> tuple[str, ...]:
    """Return the members of a list with semicolons."""
    return tuple(part.strip() for part in text.split(";") if part.strip())


def add_splash_options(parser: argparse.ArgumentParser) -> None:
    """Add Splash's options to the parser, in a group of their own."""
    group = parser.add_argument_group("Splash's options")
    group.add_argument("-f", "--logfile", type=Path, help="write the log to this file, not to standard error")
    group.add_argument(
        "-m",
        "--maxrss",
        type=float,
        default=0.0,
        help="replace Chromium above this memory: MB, or below 1 a share of the machine's memory (default: never)",
    )
    group.add_argument("--proxy-profiles-path", type=Path, help="folder of proxy profiles, NAME.ini")
    group.add_argument("--js-profiles-path", type=Path, help="folder of folders of JavaScript files")
    group.add_argument("--filters-path", type=Path, help="folder of Adblock Plus lists, NAME.txt")
    group.add_argument(
        "--js-cross-domain-access",
        action=argparse.BooleanOptionalAction,
        help="scripts may read frames of other origins",
    )
    group.add_argument(
        "--allowed-schemes",
        type=names,
        default=names(ALLOWED_SCHEMES),
        help=f"schemes of the URLs of pages (default {ALLOWED_SCHEMES})",
    )
    group.add_argument(
        "--lua-package-path", default="", help="where modules for scripts are: /folder/?.lua;/another/?.lua"
    )
    group.add_argument(
        "--lua-sandbox-allowed-modules",
        type=modules,
        default=(),
        help="modules that scripts may require: a;b",
    )
    group.add_argument(
        "--disable-lua-sandbox", action="store_true", help="scripts have all of Lua, without limits"
    )
    group.add_argument("--strict-lua-runner", action="store_true", help="ignored")
    group.add_argument("--disable-ui", action="store_true", help="serve no page at /")
    group.add_argument(
        "--disable-browser-caches", action="store_true", help="no cache, not even within a render"
    )
    group.add_argument(
        "--argument-cache-max-entries",
        type=int,
        default=500,
        help="how many save_args to keep (default %(default)s)",
    )
    group.add_argument(
        "--browser-engines",
        type=engines,
        default=ENGINES,
        help="allowed values of the argument engine (default all)",
    )
    group.add_argument("--dont-log-args", type=names, default=(), help="arguments that the log does not show")
    group.add_argument("--disable-private-mode", action="store_true", help="ignored")
    group.add_argument("--disable-xvfb", action="store_true", help="ignored")
    group.add_argument("--xvfb-screen-size", help="ignored")


def log_meaningless(options: argparse.Namespace) -> None:
    """Log a warning for each given option that has no effect."""
    for name, why in _MEANINGLESS.items():
        if getattr(options, name):
            log.warning("--%s does nothing: %s", name.replace("_", "-"), why)


def existing_folder(path: Path | None, option: str) -> Path | None:
    """Return the folder, or None with a warning, as in Splash, if it is not a folder."""
    if path is None or path.is_dir():
        return path
    log.warning("%s %s is not a folder; the option has no effect", option, path)
    return None
