"""What a person does in the console, in a real Chromium, on crawls that really run."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, ConsoleMessage, Page, expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import RowChange
from tests.console.live_console import BOOKS, PASSWORD, LiveConsole, chromium, text_of, until
from tests.console.screens import SCREENS
from tests.console.screenshots import SHOWN, SIZE, take_shown
from tests.processes import ROOT

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveConsole]:
    """Yield a console after day 1 of the shop, a day on which its prices were hidden, and day 2."""
    with contextlib.ExitStack() as stack:
        console = LiveConsole(tmp_path_factory.mktemp("console"), stack)
        console.shop.open(1)
        assert console.crawl().returncode == 0
        console.shop.open(1, "--layout", "new")
        assert console.crawl("--pages", "8").returncode != 0
        console.shop.open(2)
        console.start()
        yield console


@pytest.fixture
def prices_of_day_2(console: LiveConsole) -> None:
    """Have the changes of day 2, which the crawl of an earlier test has found if one ran in this process."""
    with Session(console.engine) as session:
        has_them = session.scalar(select(RowChange.id).where(RowChange.kind == "changed").limit(1))
    if has_them is None:
        assert console.crawl().returncode == 0


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def page(console: LiveConsole, browser: Browser) -> Iterator[Page]:
    """Yield a page in which an admin has logged in by the first link, with the keyboard alone."""
    context = browser.new_context(base_url=console.url, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.append(line.text) if is_fault(line) else None)
    page.goto(console.link)
    expect(page.get_by_label("Name")).to_be_focused()
    for text in ("ann", PASSWORD, PASSWORD):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Today")
    yield page
    assert faults == [], "errors in the browser"
    context.close()


def is_fault(line: ConsoleMessage) -> bool:
    """Return whether a message of the browser is about a fault of ours: the scripts of a site must be blocked."""
    return line.type == "error" and "the document's frame is sandboxed" not in line.text


def press(page: Page, role: str, name: str) -> None:
    """Press a link or a button by the keyboard: Tab until it has the focus, then Enter."""
    for _ in range(80):
        page.keyboard.press("Tab")
        focused = page.evaluate("() => [document.activeElement.tagName, document.activeElement.innerText]")
        if focused[1].strip() == name and (focused[0] == "A") == (role == "link"):
            page.keyboard.press("Enter")
            return
    raise AssertionError(f"the keyboard does not reach the {role} {name!r}")


def test_a_crawl_is_started_followed_paused_and_resumed_by_keyboard(console: LiveConsole, page: Page) -> None:
    before = len(console.runs())
    page.goto("/runs/1")
    press(page, "link", "Run again …")
    page.get_by_label("All; an interrupted run is given up").check()
    press(page, "button", "Start")
    run = until(lambda: len(console.runs()) > before and console.runs()[-1])
    page.goto(f"/runs/{run.id}")
    expect(page.locator(".state").first).to_have_text("running", timeout=30_000)
    tile = page.locator(".tiles div", has_text="pages done").locator("b")
    expect(tile).not_to_have_text("0", timeout=30_000)  # without a reload of the page
    press(page, "button", "Pause")
    expect(page.locator(".state").first).to_have_text("paused", timeout=15_000)
    done = console.runs()[-1].commits
    press(page, "button", "Resume")
    expect(page.locator(".state").first).to_have_text("running", timeout=15_000)
    expect(page.locator(".state").first).to_have_text("good", timeout=60_000)
    assert console.runs()[-1].commits > done
    page.reload()
    assert "Compared with run" in text_of(page)


@pytest.mark.usefixtures("prices_of_day_2")
def test_yesterdays_price_of_a_book_is_in_its_history(console: LiveConsole, page: Page) -> None:
    page.goto("/changes/?table=book&kind=changed&field=price")
    old, new = (
        page.locator("del").first.inner_text().strip(),
        page.locator("ins").first.inner_text().strip(),
    )
    assert old != new
    page.locator("tbody a[href*='/changes/row']").first.click()
    history = text_of(page)
    assert old in history
    assert new in history


def test_a_crawl_starts_again_with_another_argument(console: LiveConsole, page: Page) -> None:
    page.goto("/runs/1/again")
    page.get_by_label("Name").last.fill("shelf")
    page.get_by_label("Value").last.fill("7")
    page.get_by_role("button", name="Start").click()
    run = until(lambda: next((run for run in console.runs() if run.arguments == {"shelf": "7"}), None))
    page.goto(f"/runs/{run.id}")
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".state").first).to_have_text("interrupted", timeout=30_000)
    assert "stopped by an order of ann" in text_of(page)


def test_a_broken_page_is_shown_and_replayed(console: LiveConsole, page: Page) -> None:
    page.goto("/pages/")
    page.locator("tbody a").first.click()
    assert "price" in text_of(page)
    frame = page.frame_locator("iframe.snapshot")
    assert frame.locator("body").inner_text().strip()
    page.get_by_role("button", name="Replay now").click()
    page.goto("/orders/")

    def is_done() -> bool:
        page.reload()
        row = page.locator("tbody tr", has_text="replay").first
        return row.locator(".state").inner_text() in ("done", "failed")

    until(is_done, 90)


def test_an_open_page_says_why_it_has_no_new_values_and_comes_back(
    page: Page, browser: Browser, console: LiveConsole
) -> None:
    context = browser.new_context(base_url=console.url, storage_state=page.context.storage_state())
    open_page = context.new_page()
    notice = open_page.locator("p.notice[role=status]", has_text=re.compile("by itself"))
    context.route("**/today/stream", lambda route: route.fulfill(status=503, body="away"))
    open_page.goto("/")
    expect(notice).to_have_text("The console sends no new values. This page tries again by itself.")
    context.unroute_all()
    away_event = {"body": "event: away\ndata: today\n\n", "content_type": "text/event-stream"}
    context.route("**/today/stream", lambda route: route.fulfill(**away_event))
    away = "The database does not answer. This page continues by itself."
    expect(notice).to_have_text(away, timeout=20_000)
    expect(open_page.locator("h1")).to_have_text("Today")
    assert open_page.locator("#live").inner_text().strip()
    context.unroute_all()
    expect(notice).to_be_hidden(timeout=20_000)
    context.close()


def test_an_open_page_is_loaded_again_when_its_stream_has_ended(page: Page) -> None:
    page.goto("/")
    ended = {"body": "event: ended\ndata: today\n\n", "content_type": "text/event-stream"}
    page.route("**/today/stream", lambda route: route.fulfill(**ended), times=1)
    page.evaluate("() => { window.isOld = true; }")
    show_page(page, is_shown=False)
    show_page(page, is_shown=True)
    # htmx writes to the history when it shows parts, so the first navigation may be within the old document.
    page.wait_for_function("() => !window.isOld && document.readyState === 'complete'")


def test_a_page_that_nobody_sees_has_no_stream(page: Page) -> None:
    page.goto("/")
    live = page.locator("#live")
    expect(live.locator("> *").first).to_be_attached()
    show_page(page, is_shown=False)
    live.evaluate("(element) => { element.textContent = 'old'; }")
    with page.expect_request("**/today/stream"):
        show_page(page, is_shown=True)
    expect(live).not_to_have_text("old")


def show_page(page: Page, *, is_shown: bool) -> None:
    """Let the page believe that its tab is shown or not."""
    page.evaluate(
        """(isHidden) => {
            Object.defineProperty(document, "hidden", { value: isHidden, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        not is_shown,
    )


def test_a_filter_is_exported_as_parquet(page: Page) -> None:
    page.goto("/tables/rows?table=book")
    with page.expect_download() as download:
        page.get_by_role("link", name="Parquet").click()
    table = pyarrow.parquet.read_table(io.BytesIO(download.value.path().read_bytes()))
    assert table.num_rows >= BOOKS - 5
    assert {"sku", "price", "title"} <= set(table.column_names)


def test_no_screen_has_a_serious_fault_of_accessibility(page: Page) -> None:
    found = []
    for screen in SCREENS:
        page.goto(screen)
        for violation in Axe().run(page).response["violations"]:
            if violation["impact"] in ("serious", "critical"):
                places = [node["target"] for node in violation["nodes"]][:3]
                found.append(f"{screen}: {violation['id']}: {violation['help']} {places}")
    assert found == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_screen_is_wider_than_a_phone(
    page: Page, browser: Browser, console: LiveConsole, scheme: str
) -> None:
    state = page.context.storage_state()
    context = browser.new_context(
        base_url=console.url,
        storage_state=state,
        viewport={"width": 390, "height": 844},
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    phone = context.new_page()
    wide = []
    for screen in SCREENS:
        phone.goto(screen)
        width = phone.evaluate("() => document.documentElement.scrollWidth")
        if width > 390:
            wide.append(f"{screen}: {width}")
        if violations := [
            one for one in Axe().run(phone).response["violations"] if one["id"] == "color-contrast"
        ]:
            wide.append(f"{screen}: contrast {[node['target'] for node in violations[0]['nodes']][:3]}")
    context.close()
    assert wide == []


@pytest.mark.usefixtures("prices_of_day_2")
def test_the_screenshots_of_the_readme_are_of_these_screens(page: Page, tmp_path: Path) -> None:
    page.set_viewport_size(SIZE)
    take_shown(page, tmp_path)
    readme = (ROOT / "README.md").read_text("utf-8")
    assert re.findall(r"!\[.*\]\(docs/(.*\.png)\)", readme) == list(SHOWN)
    for name in SHOWN:
        with Image.open(tmp_path / name) as taken, Image.open(ROOT / "docs" / name) as shown:
            assert taken.size == shown.size, (
                f"docs/{name} is not as `python -m tests.console.screenshots` makes it"
            )


def test_times_are_in_the_zone_of_the_viewer(browser: Browser, page: Page, console: LiveConsole) -> None:
    context = browser.new_context(
        base_url=console.url,
        storage_state=page.context.storage_state(),
        timezone_id="Asia/Tokyo",
        locale="en-GB",
    )
    tokyo = context.new_page()
    tokyo.goto("/runs/")
    element = tokyo.locator("tbody time").first
    hour = int(re.search(r" (\d\d):", element.get_attribute("title") or "")[1])  # type: ignore[index]
    assert f"{(hour + 9) % 24:02}:" in element.inner_text()
    context.close()
