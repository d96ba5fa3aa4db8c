"""Screenshots of the console with the demo shop.

python -m tests.console.screenshots            the two of README.md, into docs/
python -m tests.console.screenshots FOLDER     all screens, light and dark, 1440 and 390 pixels wide
"""

from __future__ import annotations

import contextlib
import re
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.console.live_console import PASSWORD, LiveConsole, chromium, until
from tests.console.screens import SCREENS
from tests.processes import ROOT

# What README.md shows: a file in docs/, and the screen.
SHOWN = {"console-today.png": "/", "console-row.png": "row"}
SIZE = {"width": 1360, "height": 760}


def take_shown(page: Page, folder: Path) -> None:
    """Take the screenshots of README.md."""
    for name, screen in SHOWN.items():
        if screen == "row":
            page.goto("/changes/?table=book&kind=changed&field=price")
            page.locator("tbody a[href*='/changes/row']").first.click()
        else:
            page.goto(screen)
        page.wait_for_timeout(500)  # the chart is drawn
        page.screenshot(path=folder / name)


def take_all(browser: Browser, page: Page, console: LiveConsole, folder: Path) -> None:
    """Take a screenshot of each screen in each scheme and width."""
    folder.mkdir(parents=True, exist_ok=True)
    state = page.context.storage_state()
    for scheme in ("light", "dark"):
        for width in (1440, 390):
            context = browser.new_context(
                base_url=console.url,
                storage_state=state,
                color_scheme=scheme,  # type: ignore[arg-type]
                viewport={"width": width, "height": 900},
            )
            one = context.new_page()
            for screen in SCREENS:
                one.goto(screen)
                one.wait_for_timeout(300)
                name = re.sub("[^a-z0-9]+", "-", screen.strip("/")) or "today"
                one.screenshot(path=folder / f"{name}-{scheme}-{width}.png", full_page=True)
            context.close()


def main(folder: Path | None) -> None:
    with contextlib.ExitStack() as stack:
        console = LiveConsole(Path(stack.enter_context(tempfile.TemporaryDirectory())), stack)
        for day in (1, 2, 3):
            console.shop.open(day)
            console.crawl()
        console.shop.open(3, "--layout", "new")
        console.crawl("--pages", "8")
        console.shop.open(4)
        console.start()
        browser = stack.enter_context(chromium())
        page = browser.new_context(base_url=console.url, viewport=SIZE).new_page()  # type: ignore[arg-type]
        page.goto(console.link)
        page.get_by_label("Name").fill("ann")
        for box in page.get_by_label(re.compile("password", re.IGNORECASE)).all():
            box.fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url("**/")
        last = console.runs()[-1].id
        page.goto("/runs/1/again")
        page.get_by_role("button", name="Start").click()
        until(lambda: console.pages_done(last + 1) > 5)
        if folder is None:
            take_shown(page, ROOT / "docs")
        else:
            take_all(browser, page, console, folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
