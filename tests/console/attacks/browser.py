"""Attacks by hostile rows and by pages of another site in Chromium. Each other host is a listener of ours."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import quote, urlsplit

from playwright.sync_api import BrowserContext, Frame, Page
from playwright.sync_api import Error as BrowserError

from console.security.identity import COOKIE
from tests.console.attacks.attack import Attack, Try
from tests.console.attacks.content import screens
from tests.console.attacks.hostile_data import EVIL, PAGES
from tests.console.attacks.target import NAMES, Target
from tests.console.live_console import PASSWORD, chromium

EACH = 6  # addresses of one kind that are opened


class EvilSite:
    """A web site of the attacker: it saves the paths of its requests, and has the pages that an attack sets."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.pages: dict[str, str] = {}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))
        self.port = self.server.server_address[1]
        Thread(target=self.server.serve_forever, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, site: EvilSite, *args: object) -> None:
        self.site = site
        super().__init__(*args)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self.site.asked.append(self.path)
        body = self.site.pages.get(urlsplit(self.path).path, "").encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def opened(target: Target) -> Iterator[tuple[BrowserContext, EvilSite]]:
    """Yield a browser in which an admin has logged in; each host but the console's own leads to the evil site."""
    evil = EvilSite()
    try:
        rules = f"--host-resolver-rules=MAP * 127.0.0.1:{evil.port}, EXCLUDE 127.0.0.1"
        with chromium(rules) as browser:
            context = browser.new_context(base_url=target.url)
            context.add_cookies(
                [{"name": COOKIE, "value": target.admin.cookie or "", "url": target.url, "sameSite": "Lax"}]
            )
            context.set_default_timeout(20_000)
            yield context, evil
            context.close()
    finally:
        evil.server.shutdown()
        evil.server.server_close()


def effects(page: Page, evil: EvilSite, dialogs: list[str]) -> str:
    """Return what a page has done that it must not do; empty: nothing. Forget it."""
    found = [f"a dialog {one}" for one in dialogs]
    found += [f"a request for {one}" for one in evil.asked if "favicon" not in one]
    for frame in page.frames:
        with contextlib.suppress(BrowserError):  # a frame that is gone
            if frame.evaluate("() => window.pwned") is not None:
                found.append(f"a script in {frame.url}")
    if page.title() == "owned":
        found.append("a script of a frame")
    dialogs.clear()
    evil.asked.clear()
    return ", ".join(found)


def rows_in_a_browser(target: Target) -> Iterator[Try]:
    """Open screens, rows and page snapshots; count dialogs, scripts that ran, and requests to other hosts."""
    paths: list[str] = []
    kinds: dict[str, int] = {}
    for path in screens(target):
        kind = re.sub(r"\d+", "N", urlsplit(path).path)
        kinds[kind] = kinds.get(kind, 0) + 1
        if kinds[kind] <= EACH:
            paths.append(path)
    numbers = range(len(PAGES))
    paths += [f"/pages/{target.run_id}/{number}{end}" for number in numbers for end in ("", "/document")]
    paths += [f"/pages/{target.run_id}/{number}/source" for number in numbers]
    with opened(target) as (context, evil):
        page, dialogs = context.new_page(), list[str]()

        def dismiss(dialog: object) -> None:
            dialogs.append(dialog.message)  # type: ignore[attr-defined]
            dialog.dismiss()  # type: ignore[attr-defined]

        page.on("dialog", dismiss)
        # The same listeners see a page that is not defended.
        evil.pages["/"] = "<script>window.pwned = 1; alert(1)</script>"
        page.goto(f"http://{EVIL}/")
        seen = effects(page, evil, dialogs)
        works = all(one in seen for one in ("a dialog", "a request", "a script"))
        assert works, f"the listeners have seen only: {seen}"
        evil.pages.clear()
        for path in dict.fromkeys(paths):
            page.goto(path, wait_until="load")
            for frame in page.locator("iframe").all():
                frame.scroll_into_view_if_needed()  # it is loaded when it is seen
            if page.locator("iframe").count():
                page.wait_for_load_state("networkidle")
            fault = effects(page, evil, dialogs)
            here = page.url.startswith(target.url)
            came = fault or ("no script, dialog, request" if here else f"led to {page.url}")
            yield Try(what=path, came=came, held=here and not fault)


def pages_of_another_site(target: Target) -> Iterator[Try]:
    """Let a page of the attacker send forms, show the console in a frame, and read it, while an admin is logged in."""
    before = target.state()
    order = f"{target.url}/orders/{target.order_id}/withdraw"
    forms = {
        "a form": f'<form method=post action="{order}"></form><script>document.forms[0].submit()</script>',
        "a form with a token": f'<form method=post action="{target.url}/people/"><input name=name value=eve>'
        f'<input name=role value=admin><input name=csrf_token value="{target.admin.csrf}"></form>'
        "<script>document.forms[0].submit()</script>",
        "a form in a frame": f'<iframe srcdoc="<form method=post action={order}></form>'
        '<script>document.forms[0].submit()</script>"></iframe>',
    }
    scripts = {
        "fetch": f"fetch('{target.url}/api/v1/me', {{credentials: 'include'}}).then(r => r.text())",
        "fetch a form": f"fetch('{order}', {{method: 'POST', credentials: 'include', mode: 'no-cors'}})"
        ".then(r => r.text())",
        "fetch JSON": f"fetch('{target.url}/api/v1/orders/{target.order_id}/withdraw', {{method: 'POST',"
        " credentials: 'include', headers: {'Content-Type': 'application/json'}, body: '{}'}).then(r => r.text())",
        "frame": "new Promise(loaded => { const frame = document.createElement('iframe');"
        f" frame.src = '{target.url}/'; frame.onload = () => loaded(''); document.body.append(frame) }})",
    }
    with opened(target) as (context, evil):
        # Another host, and another port of this host, to which the browser sends the cookie.
        for origin in (f"http://{EVIL}", f"http://127.0.0.1:{evil.port}"):
            for what, html in forms.items():
                evil.pages["/x"] = html
                page = context.new_page()
                with page.expect_request(lambda one: one.method == "POST"):
                    page.goto(f"{origin}/x")
                page.wait_for_load_state("networkidle")
                same = target.state() == before
                yield Try(what=f"{what} of {origin}", came="nothing done" if same else "done", held=same)
                page.close()
            for what, script in scripts.items():
                evil.pages["/x"] = "<body>x</body>"
                page = context.new_page()
                page.goto(f"{origin}/x")
                try:
                    read = page.evaluate(f"() => {script}")
                except BrowserError:
                    read = ""
                held = not read and target.state() == before and not any(map(_shows_console, page.frames[1:]))
                yield Try(
                    what=f"{what} of {origin}",
                    came="nothing read" if held else f"read {read!r:.60}",
                    held=held,
                )
                page.close()


def _shows_console(frame: Frame) -> bool:
    with contextlib.suppress(BrowserError):
        return bool(frame.locator("nav, main").count())
    return False


def redirects_in_a_browser(target: Target) -> Iterator[Try]:
    """Log in with targets elsewhere: where does a browser arrive?"""
    with opened(target) as (context, evil):
        for text in (
            f"//{EVIL}",
            f"/\\{EVIL}",
            f"/\t/{EVIL}",
            f"/..//{EVIL}",
            f"/.//{EVIL}",
            f"https:{EVIL}",
            f"/%2f{EVIL}",
        ):
            context.clear_cookies()
            page = context.new_page()
            page.goto(f"/login?next={quote(text)}")
            page.get_by_label("Name").fill(NAMES["viewer"])
            page.get_by_label("Password").fill(PASSWORD)
            page.keyboard.press("Enter")
            page.wait_for_url(lambda url: "/login" not in url)
            here = page.url.startswith(target.url) and not evil.asked
            yield Try(what=text, came="stays here" if here else page.url, held=here)
            evil.asked.clear()
            page.close()


ATTACKS: dict[str, Attack] = {
    "Hostile rows and pages in Chromium": rows_in_a_browser,
    "A page of another site in Chromium: forms, frames, `fetch`": pages_of_another_site,
    "Open redirect after login, in Chromium": redirects_in_a_browser,
}
