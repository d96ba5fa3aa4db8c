"""Chromium as a process: its program, its start, and its end, which is never later than the renderer's end."""

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

from renderer.chromium.cdp import ChromiumGone, CommandFailed, Connection
from renderer.chromium.start_failure import ADVICE, StartOutput, reason_of, remedy_for
from renderer.chromium.watchdog import Watchdog
from renderer.egress.host_names import names_of_this_machine

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
    # A thread of its own for fetches costs more thread switches than it saves.
    "BackgroundResourceFetch",
    "BackForwardCache",
    "CertificateTransparencyComponentUpdater",
    "DialMediaRouteProvider",
    "GlobalMediaControls",
    "HttpsUpgrades",
    "InterestFeedContentSuggestions",
    "IsolateOrigins",
    # With this feature, responses reach the scripts of a frozen page.
    "LoadingTasksUnfreezable",
    "MediaRouter",
    # With this feature, the next render of the same site finds the images of this render in the cache.
    "MemoryCacheStrongReference",
    "OptimizationHints",
    "PaintHolding",
    "Prerender2",
    "RenderDocument",
    # V8 does not cache scripts that it compiles while they arrive. Most pages of a site have the same scripts: with
    # this feature, a page with a library of 700 KB takes 1.5 times as long.
    "ScriptStreaming",
    "Translate",
    "site-per-process",
)

# No compiled scripts on disk (V8CacheOptions::kNone): the cache is emptied before a page could use them again.
_SETTINGS = "v8CacheOptions=1"

_FLAGS = (
    "--headless",
    "--remote-debugging-pipe",
    "--allow-pre-commit-input",
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
    # No GPU draws anything. Without this flag, emptying the cache for the next render costs five times as much.
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
    # Splash does the same: a crawler reads pages, and sends no secrets of its own to them.
    "--ignore-certificate-errors",
    # V8 collects its garbage early: at first at 16 MB of scripts' objects, later at 30 % above the live objects of the
    # last collection, and at 2 MB of young objects. A forced collection (``cleaning.py``) discards compiled scripts,
    # which the next page could have used.
    "--js-flags=--initial-heap-size=16,--heap-growing-percent=30,--max-semi-space-size=2",
    "--metrics-recording-only",
    "--mute-audio",
    "--no-default-browser-check",
    "--no-first-run",
    "--no-pings",
    "--no-service-autorun",
    # Chromium opens no page by itself: each page costs a process.
    "--no-startup-window",
    "--password-store=basic",
    "--use-mock-keychain",
    # Otherwise WebRTC bypasses every proxy.
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--window-size=1024,768",
)


class ChromiumMissing(Exception):
    """No Chromium was found, or it does not start; ``remedy`` says what the operator has to do."""

    def __init__(self, message: str, remedy: str = ADVICE) -> None:
        super().__init__(message)
        self.remedy = remedy


@dataclass(frozen=True, kw_only=True)
class Chromium:
    """A program of Chromium and its options, for the first start and for every start after a crash."""

    program: str
    blocked_port: int = 0  # the renderer's own port, which no page may reach
    cross_domain_access: bool = False  # scripts may read frames of other origins
    loads_images: bool = (
        True  # if not, an image is as if its server never answered, as in Splash with images=0
    )

    def arguments(self, profile: Path) -> list[str]:
        settings = _SETTINGS if self.loads_images else f"{_SETTINGS},imagesEnabled=false"
        arguments = [
            self.program,
            *_FLAGS,
            f"--blink-settings={settings}",
            f"--user-data-dir={profile}",
        ]
        if os.geteuid() == 0:
            arguments.append("--no-sandbox")
        if self.cross_domain_access:
            arguments.append("--disable-web-security")
        if self.blocked_port:
            names = sorted({*names_of_this_machine(), "*.localhost"})
            hosts = ("127.*", "0.*", "[::1]", "[::]", "[::ffff:*]", *names, *(f"{name}." for name in names))
            rules = ",".join(f"MAP {host}:{self.blocked_port} ~NOTFOUND" for host in hosts)
            arguments.append(f"--host-resolver-rules={rules}")
        return arguments

    async def start(self) -> ChromiumProcess:
        """Start Chromium and return when it answers; if it hangs, kill it and start it once more.

        Raises:
            ChromiumMissing: Chromium does not start.
        """
        process = await self._start()
        if process is None:
            process = await self._start()
        if process is None:
            raise ChromiumMissing(f"{self.program} was started twice and did not answer")
        return process

    async def _start(self) -> ChromiumProcess | None:
        """Return the started Chromium, or None if it hangs."""
        profile = _make_profile()
        try:
            process = _spawn(self.arguments(profile), profile)
        except ChromiumMissing:
            _remove_profile(profile)
            raise
        watchdog = Watchdog(process.pid, process.connection, lambda: True, process.kill)
        watchdog.wake()
        try:
            async with asyncio.timeout(START_TIMEOUT):
                answer = await process.connection.browser.call("Browser.getVersion")
        except (TimeoutError, ChromiumGone, CommandFailed) as error:
            await process.end()
            if process.was_killed:
                return None
            reason = reason_of(process.output.text())
            why = f"{self.program} does not start" + (f": {reason.rstrip('.')}" if reason else "")
            raise ChromiumMissing(why, remedy_for(reason)) from error
        except BaseException:
            await process.end()
            raise
        finally:
            watchdog.stop()
        process.output.forget()
        process.connection.product = answer["product"]
        return process


class ChromiumProcess:
    """A running Chromium: the pipe to it, its folder, and its end."""

    def __init__(self, pid: int, connection: Connection, output: StartOutput, profile: Path) -> None:
        self.pid, self.connection, self.output, self._profile = pid, connection, output, profile
        self._pidfd = os.pidfd_open(pid)
        self.exited = asyncio.Event()
        self.was_killed = False  # by ``kill``, because it hung
        asyncio.get_running_loop().add_reader(self._pidfd, self._reap)

    def _reap(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)
        self.exited.set()
        self.connection.close()

    def kill(self, reason: str) -> None:
        """Kill a Chromium that hangs; raise ChromiumGone with this reason in every call that waits for an answer."""
        log.warning("Chromium hangs, and the renderer kills it: %s", reason)
        self.was_killed = True
        self.connection.close(f"Chromium was killed: {reason}")
        self._kill_group()

    def _kill_group(self) -> None:
        # The group also contains the child processes of a crashed browser process.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    async def end(self) -> None:
        """Close the connection, which makes Chromium exit; kill Chromium if it does not exit in 3 seconds."""
        self.connection.close()
        try:
            async with asyncio.timeout(3):
                await self.exited.wait()
        except TimeoutError:
            log.warning("Chromium did not exit in 3 seconds, and the renderer kills it")
        self._kill_group()
        try:
            async with asyncio.timeout(3):
                await self.exited.wait()
        finally:
            self.output.text()
            self.output.close()
            await asyncio.to_thread(_remove_profile, self._profile)


def _spawn(arguments: list[str], profile: Path) -> ChromiumProcess:
    # posix_spawn puts the pipes' ends on descriptors 3 and 4 without running Python between fork and exec. All other
    # descriptors close on exec: no other process has a copy of our ends, so Chromium notices when we close them.
    commands_read, commands_write = os.pipe()
    answers_read, answers_write = os.pipe()
    output_read, output_write = os.pipe()
    ours = [commands_read, answers_write, output_write]
    try:
        # The ends are first copied to descriptors from 10 on: one of them could itself be 2, 3 or 4.
        ours += [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ours]
        pid = os.posix_spawn(
            arguments[0],
            arguments,
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_DUP2, ours[5], 2),
                (os.POSIX_SPAWN_DUP2, ours[3], 3),
                (os.POSIX_SPAWN_DUP2, ours[4], 4),
            ],
            setsid=True,
        )
    except OSError as error:
        os.close(commands_write)
        os.close(answers_read)
        os.close(output_read)
        raise ChromiumMissing(f"{arguments[0]} does not start: {error.strerror}") from error
    finally:
        for end in ours:
            os.close(end)
    return ChromiumProcess(pid, Connection(answers_read, commands_write), StartOutput(output_read), profile)


def find_chromium(named: str | None, environ: Mapping[str, str]) -> str:
    """Return Chromium's program: named on the command line or in CHROMIUM, on PATH, or downloaded by Playwright.

    Raises:
        ChromiumMissing: there is none, or the name is not that of a program.
    """
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
    """Make a new user-data folder, which has the renderer's pid in its name."""
    try:
        return Path(tempfile.mkdtemp(prefix=f"{PROFILE_PREFIX}{os.getpid()}-"))
    except OSError as error:
        raise ChromiumMissing(
            f"cannot make a folder for Chromium in {tempfile.gettempdir()}: {error.strerror}"
        ) from error


def _remove_profile(profile: Path) -> None:
    shutil.rmtree(profile, ignore_errors=True)


def remove_stale_profiles() -> None:
    """Remove the user-data folders of renderers that do not run any more."""
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
