"""Splash's start-up options beyond our own, so that one image can take the other's place in a compose file."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

log = logging.getLogger(__name__)

ENGINES = ("webkit", "chromium")
ALLOWED_SCHEMES = "http,https"

# What each of them is about does not exist here.
_MEANINGLESS = {
    "disable_private_mode": "every render has a private context of its own",
    "disable_xvfb": "Chromium runs without a display",
    "xvfb_screen_size": "Chromium runs without a display",
    "strict_lua_runner": "errors inside of the renderer are always told",
}


def names(text: str) -> tuple[str, ...]:
    """A comma-separated option as its members."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def engines(text: str) -> tuple[str, ...]:
    chosen = names(text)
    unknown = [name for name in chosen if name not in ENGINES]
    if unknown or not chosen:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown) or 'nothing'} is not a supported engine")
    return chosen


def modules(text: str) -> tuple[str, ...]:
    """The same for a list with semicolons."""
    return tuple(part.strip() for part in text.split(";") if part.strip())


def add_splash_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("Splash's options")
    group.add_argument("-f", "--logfile", type=Path, help="log there instead of to standard error")
    group.add_argument(
        "-m",
        "--maxrss",
        type=float,
        default=0.0,
        help="start Chromium anew above this memory: MB, or below 1 a share of the machine's (default: never)",
    )
    group.add_argument("--proxy-profiles-path", type=Path, help="folder with proxy profiles (NAME.ini)")
    group.add_argument("--js-profiles-path", type=Path, help="folder with folders of JavaScript files")
    group.add_argument("--filters-path", type=Path, help="folder with Adblock Plus lists (NAME.txt)")
    group.add_argument(
        "--js-cross-domain-access", action=argparse.BooleanOptionalAction, help="scripts reach other origins"
    )
    group.add_argument(
        "--allowed-schemes", type=names, default=names(ALLOWED_SCHEMES), help=f"default {ALLOWED_SCHEMES}"
    )
    group.add_argument(
        "--lua-package-path", default="", help="where scripts' modules are: /folder/?.lua;/another/?.lua"
    )
    group.add_argument(
        "--lua-sandbox-allowed-modules", type=modules, default=(), help="modules for scripts: a;b"
    )
    group.add_argument("--disable-lua-sandbox", action="store_true", help="scripts may do anything")
    group.add_argument("--strict-lua-runner", action="store_true", help="ignored")
    group.add_argument("--disable-ui", action="store_true", help="no page at /")
    group.add_argument(
        "--disable-browser-caches", action="store_true", help="no cache within a render either"
    )
    group.add_argument("--argument-cache-max-entries", type=int, default=500, help="for save_args; 500")
    group.add_argument("--browser-engines", type=engines, default=ENGINES, help="what `engine` may say")
    group.add_argument("--dont-log-args", type=names, default=(), help="arguments kept out of the log")
    group.add_argument("--disable-private-mode", action="store_true", help="ignored")
    group.add_argument("--disable-xvfb", action="store_true", help="ignored")
    group.add_argument("--xvfb-screen-size", help="ignored")


def log_meaningless(options: argparse.Namespace) -> None:
    """Tell whoever gave an option that does nothing here."""
    for name, why in _MEANINGLESS.items():
        if getattr(options, name):
            log.warning("--%s does nothing: %s", name.replace("_", "-"), why)


def existing_folder(path: Path | None, option: str) -> Path | None:
    """The folder, or None with a warning, as in Splash, if it is not there."""
    if path is None or path.is_dir():
        return path
    log.warning("%s %s is not a folder and is not used", option, path)
    return None
