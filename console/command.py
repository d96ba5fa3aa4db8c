"""What ``scrapy console`` does: it reads the settings, makes the first link, and runs the server."""

from __future__ import annotations

import ipaddress
import logging
import socket
import webbrowser
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from scrapy.settings import BaseSettings
from sqlalchemy import Engine
from sqlalchemy.orm import Session
from w3lib.http import basic_auth_header

from console.app import create_app
from console.config import LOOPBACK, ConsoleConfig
from console.security.accounts import has_accounts, make_link
from console.server import Server
from crawler.database import open_database
from crawler.database_command import CommandFailed
from crawler.run.recipients import recipients_of
from crawler.splash.server_list import servers_at
from models.console_account import ADMIN
from models.run import database_now
from models.session import make_sessions

logger = logging.getLogger("splashdown.console")

CONNECTIONS = 20


def run_console(settings: BaseSettings, *, browser: bool = True, link_only: bool = False) -> int:
    """Run the console until SIGTERM or SIGINT; return the exit code.

    Args:
        browser: open the console in the browser of this machine, if there is one.
        link_only: print a one-time link for an admin, and end.

    Raises:
        CommandFailed: a setting is wrong, or the port is taken.
        DatabaseUnusable: as ``open_database``.
    """
    config = config_of(settings)
    address, port = settings["CONSOLE_ADDRESS"], settings.getint("CONSOLE_PORT")
    base = base_url(settings["CONSOLE_URL"], address, port)
    engine = open_database(settings, pool_size=CONNECTIONS)
    try:
        first = None if has_an_account(engine) and not link_only else new_link(engine)
        if link_only:
            print(f"{base}/link/{first}")  # noqa: T201
            return 0
        check_port(address, port)
        try:
            app = create_app(config, engine)
        except (OSError, SyntaxError) as error:
            raise CommandFailed(f"CONSOLE_CONFIG={config.file} cannot be read: {error}") from None
        engine.dispose()  # the process that serves opens its own connections

        def ready() -> None:
            print(f"The console is at {base}/", flush=True)  # noqa: T201
            if first is not None:
                print(  # noqa: T201
                    f"Make the first account with this link, which works once and for a day:\n  {base}/link/{first}",
                    flush=True,
                )
            if browser and is_loopback(address):
                open_browser(f"{base}/link/{first}" if first is not None else f"{base}/")

        Server(app, address=address, port=port, ready=ready).run()
    finally:
        engine.dispose()
    return 0


def config_of(settings: BaseSettings) -> ConsoleConfig:
    """Return the configuration that the settings say.

    Raises:
        CommandFailed: a setting is wrong.
    """
    hosts = tuple(settings.getlist("CONSOLE_HOSTS")) or default_hosts(settings)
    if settings.getint("CONSOLE_PROXIES") < 0:
        raise CommandFailed("CONSOLE_PROXIES is below 0: write how many proxies are in front of the console")
    return ConsoleConfig(
        pages_folder=Path(settings["KEPT_PAGES_FOLDER"]),
        hosts=hosts,
        proxies=settings.getint("CONSOLE_PROXIES"),
        file=Path(settings["CONSOLE_CONFIG"]) if settings["CONSOLE_CONFIG"] else None,
        session_idle=timedelta(seconds=settings.getfloat("CONSOLE_SESSION_IDLE")),
        session_age=timedelta(seconds=settings.getfloat("CONSOLE_SESSION_AGE")),
        renderers=renderers_of(settings),
        alert_kinds=tuple(one.partition("://")[0] for one in recipients_of(settings["ALERT_URLS"] or "")),
    )


def renderers_of(settings: BaseSettings) -> tuple[tuple[str, str | None], ...]:
    """Return the addresses in SPLASH_URL, each with the value of its Authorization header."""
    if not settings["SPLASH_URL"]:
        return ()
    user = settings["SPLASH_USER"]
    auth = basic_auth_header(user, settings["SPLASH_PASS"]) if user else None
    return tuple(
        (server.url, server.auth.decode("latin-1") if server.auth else None)
        for server in servers_at(settings["SPLASH_URL"], auth)
    )


def default_hosts(settings: BaseSettings) -> tuple[str, ...]:
    """Return the names of loopback, the host of CONSOLE_URL, and the address that the console listens on."""
    found = list(LOOPBACK)
    if host := urlsplit(settings["CONSOLE_URL"] or "").hostname:
        found.append(host)
    address = settings["CONSOLE_ADDRESS"]
    if address not in ("0.0.0.0", "::", *found):  # noqa: S104
        found.append(f"[{address}]" if ":" in address else address)
    return tuple(found)


def base_url(url: str, address: str, port: int) -> str:
    """Return the URL of the console without a slash at its end: CONSOLE_URL, or that of its address."""
    if url:
        return url.rstrip("/")
    shown = "127.0.0.1" if address in ("0.0.0.0", "::") else address  # noqa: S104
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{port}"


def is_loopback(address: str) -> bool:
    """Return whether only this machine reaches the address."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def check_port(address: str, port: int) -> None:
    """Raise CommandFailed if nothing can listen on the port."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind((address, port))
        except (OSError, OverflowError) as error:
            raise CommandFailed(
                f"cannot listen on {address} port {port}: {error}. Choose another one with --port or CONSOLE_PORT"
            ) from None


def has_an_account(engine: Engine) -> bool:
    """Return whether an admin can log in."""
    with Session(engine) as session:
        return has_accounts(session)


def new_link(engine: Engine) -> str:
    """Return the token of a new one-time link that makes the account of an admin."""
    with make_sessions(engine).begin() as session:
        return make_link(session, database_now(session), role=ADMIN)


def open_browser(url: str) -> None:
    """Open the URL in a browser that has a window, if this machine has one."""
    try:
        found = webbrowser.get()
    except webbrowser.Error:
        return
    if not isinstance(found, webbrowser.GenericBrowser) or isinstance(found, webbrowser.BackgroundBrowser):
        found.open(url)
