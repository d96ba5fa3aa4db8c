"""Chromium as a process: where it is, how it is started, and that it never outlives us."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from renderer.cdp import ChromiumGone, CommandFailed, Connection

log = logging.getLogger(__name__)

NAMES = (
    "chromium-headless-shell",
    "headless_shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
PLAYWRIGHT_PATTERNS = (
    "chromium_headless_shell-*/*/headless_shell",
    "chromium_headless_shell-*/*/chrome-headless-shell",
    "chromium-*/*/chrome",
)
START_TIMEOUT = 30.0
PROFILE_PREFIX = "splashdown-chromium-"

_DISABLED_FEATURES = (
    "AutofillServerCommunication",
    # To fetch on a thread of its own what a page then waits for takes more turns than it saves.
    "BackgroundResourceFetch",
    "BackForwardCache",
    "CertificateTransparencyComponentUpdater",
    "DialMediaRouteProvider",
    "GlobalMediaControls",
    "HttpsUpgrades",
    "InterestFeedContentSuggestions",
    "IsolateOrigins",
    # What arrives for a frozen page would get to its scripts.
    "LoadingTasksUnfreezable",
    "MediaRouter",
    # Images of one render would be found again by the next one of the same site.
    "MemoryCacheStrongReference",
    "OptimizationHints",
    "PaintHolding",
    "Prerender2",
    "RenderDocument",
    # Scripts that are compiled while they arrive are not found again in V8's cache when the next page has the same
    # ones, as most pages of a site do: a page with a library of 700 KB then takes 1.5 times as long.
    "ScriptStreaming",
    "Translate",
    "site-per-process",
)

_FLAGS = (
    "--headless",
    "--remote-debugging-pipe",
    "--allow-pre-commit-input",
    # No compiled scripts are kept (V8CacheOptions::kNone): the cache is emptied before anybody could use them again.
    "--blink-settings=v8CacheOptions=1",
    "--block-new-web-contents",
    "--deny-permission-prompts",
    "--disable-back-forward-cache",
    "--disable-background-networking",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-breakpad",
    "--disable-client-side-phishing-detection",
    "--disable-component-extensions-with-background-pages",
    "--disable-component-update",
    "--disable-crash-reporter",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-domain-reliability",
    "--disable-extensions",
    "--disable-gpu",
    # Nothing is drawn by a GPU; without this, to empty the cache for the next render costs five times as much.
    "--disable-gpu-shader-disk-cache",
    "--disable-hang-monitor",
    "--disable-ipc-flooding-protection",
    "--disable-prompt-on-repost",
    "--disable-quic",
    "--disable-renderer-backgrounding",
    # All frames of a tab in one process: fewer processes, and every frame answers in the tab's own session.
    "--disable-site-isolation-trials",
    "--disable-sync",
    f"--disable-features={','.join(_DISABLED_FEATURES)}",
    "--font-render-hinting=none",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
    # As Splash does: a crawler reads pages, it sends no secrets of its own to them.
    "--ignore-certificate-errors",
    # V8 collects its garbage early: 16 MB of scripts' objects to begin with, 30 % above what was alive the last time,
    # 2 MB of young ones. To force it (``cleaning.py``) throws compiled scripts away, which the next page would have
    # used.
    "--js-flags=--initial-heap-size=16,--heap-growing-percent=30,--max-semi-space-size=2",
    "--metrics-recording-only",
    "--mute-audio",
    "--no-default-browser-check",
    "--no-first-run",
    "--no-pings",
    "--no-service-autorun",
    # No page but those that we open; one more would be a process more.
    "--no-startup-window",
    "--password-store=basic",
    "--use-mock-keychain",
    # WebRTC would go around every proxy.
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--window-size=1024,768",
)


class ChromiumMissing(Exception):
    """There is no Chromium that starts; whoever runs the renderer has to install or name one."""


@dataclass(frozen=True, kw_only=True)
class Chromium:
    """How to start Chromium; the same for its first start and for every one after a crash."""

    program: str
    blocked_port: int = 0  # our own: no page may reach the renderer
    cross_domain_access: bool = False  # scripts may look into frames of other origins

    def arguments(self, profile: Path) -> list[str]:
        arguments = [self.program, *_FLAGS, f"--user-data-dir={profile}"]
        if os.geteuid() == 0:
            arguments.append("--no-sandbox")
        if self.cross_domain_access:
            arguments.append("--disable-web-security")
        if self.blocked_port:
            hosts = ("127.*", "localhost", "*.localhost", "0.*", "[::1]", "[::]", "[::ffff:*]")
            rules = ",".join(f"MAP {host}:{self.blocked_port} ~NOTFOUND" for host in hosts)
            arguments.append(f"--host-resolver-rules={rules}")
        return arguments

    async def start(self) -> ChromiumProcess:
        """Start it and wait until it answers."""
        profile = _make_profile()
        try:
            process = _spawn(self.arguments(profile), profile)
        except ChromiumMissing:
            _remove_profile(profile)
            raise
        try:
            async with asyncio.timeout(START_TIMEOUT):
                answer = await process.connection.browser.call("Browser.getVersion")
        except (TimeoutError, ChromiumGone, CommandFailed) as error:
            await process.end()
            raise ChromiumMissing(f"{self.program} does not start") from error
        except BaseException:
            await process.end()
            raise
        process.connection.product = answer["product"]
        return process


class ChromiumProcess:
    """A running Chromium: the pipe to it, its folder, and its end."""

    def __init__(self, pid: int, connection: Connection, profile: Path) -> None:
        self.pid, self.connection, self._profile = pid, connection, profile
        self._pidfd = os.pidfd_open(pid)
        self.exited = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._pidfd, self._reap)

    def _reap(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)
        self.exited.set()
        self.connection.close()

    async def end(self) -> None:
        """Close the pipe, on which Chromium leaves by itself; insist if it does not."""
        self.connection.close()
        try:
            async with asyncio.timeout(3):
                await self.exited.wait()
        except TimeoutError:
            log.warning("Chromium did not leave by itself and is killed")
        # The group also holds what a crashed browser process left behind.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        try:
            async with asyncio.timeout(3):
                await self.exited.wait()
        finally:
            await asyncio.to_thread(_remove_profile, self._profile)


def _spawn(arguments: list[str], profile: Path) -> ChromiumProcess:
    # posix_spawn puts the pipe's ends on descriptors 3 and 4 without running Python between fork and exec; every
    # other descriptor closes on exec, so nobody else ever holds an end and Chromium sees ours close.
    commands_read, commands_write = os.pipe()
    answers_read, answers_write = os.pipe()
    ours = [commands_read, answers_write]
    try:
        # Moved out of the way first: one of them could itself be 3 or 4.
        ours += [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (commands_read, answers_write)]
        pid = os.posix_spawn(
            arguments[0],
            arguments,
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_DUP2, ours[2], 3),
                (os.POSIX_SPAWN_DUP2, ours[3], 4),
            ],
            setsid=True,
        )
    except OSError as error:
        os.close(commands_write)
        os.close(answers_read)
        raise ChromiumMissing(f"{arguments[0]} does not start: {error.strerror}") from error
    finally:
        for end in ours:
            os.close(end)
    return ChromiumProcess(pid, Connection(answers_read, commands_write), profile)


def find_chromium(named: str | None, environ: Mapping[str, str]) -> str:
    """The program to start: named on the command line, in CHROMIUM, on PATH, or downloaded by Playwright."""
    for origin, program in (("--chromium", named), ("CHROMIUM", environ.get("CHROMIUM"))):
        if program:
            found = shutil.which(program, path=environ.get("PATH"))
            if found is None:
                raise ChromiumMissing(f"{origin} names {program}, which is not a program")
            return found
    for name in NAMES:
        found = shutil.which(name, path=environ.get("PATH"))
        if found is not None:
            return found
    for program in _playwright_downloads(Path(environ.get("HOME", "~")).expanduser()):
        return program
    raise ChromiumMissing("no Chromium was found")


def _playwright_downloads(home: Path) -> Iterator[str]:
    folder = home / ".cache" / "ms-playwright"
    for pattern in PLAYWRIGHT_PATTERNS:
        for program in sorted(folder.glob(pattern), reverse=True):
            if os.access(program, os.X_OK):
                yield str(program)


def _make_profile() -> Path:
    """A fresh user-data folder that says whose it is."""
    return Path(tempfile.mkdtemp(prefix=f"{PROFILE_PREFIX}{os.getpid()}-"))


def _remove_profile(profile: Path) -> None:
    shutil.rmtree(profile, ignore_errors=True)


def remove_stale_profiles() -> None:
    """Remove the folders of renderers that were killed."""
    for profile in Path(tempfile.gettempdir()).glob(f"{PROFILE_PREFIX}*-*"):
        pid = profile.name.removeprefix(PROFILE_PREFIX).partition("-")[0]
        if pid.isdigit() and not _is_alive(int(pid)) and profile.stat().st_uid == os.geteuid():
            _remove_profile(profile)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
