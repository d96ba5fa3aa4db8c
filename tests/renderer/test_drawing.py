"""Features that work only on a page that is drawn: observers, animation frames, lazy images, a canvas."""

from __future__ import annotations

import asyncio
import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from PIL import Image

from renderer.render.needs import needs_of
from renderer.render.options import Include
from renderer.tab import drawing as drawing_module
from renderer.tab.drawing import Drawing
from tests.renderer.conftest import Client, Pages

ALL = "body.animated.frames.intersected.lazy.resized.scrolled"


def test_a_page_gets_everything_that_needs_frames(splash: Client, pages: Pages) -> None:
    answer = splash.post("/render.html", url=f"{pages.url}/draws", wait_for=ALL, wait_for_timeout=10)
    assert answer.headers["x-splashdown-wait-for"] == "found", answer.text


def test_a_page_gets_everything_that_needs_frames_while_a_script_waits(splash: Client, pages: Pages) -> None:
    script = f"""
    assert(splash:go(args.url))
    for _ = 1, 100 do
      if splash:select("{ALL}.moved") then return "all" end
      splash:mouse_hover(50, 50)
      splash:wait(0.05)
    end
    return splash:select("body").node.className
    """
    assert splash.main(script, url=f"{pages.url}/draws") == "all"


def test_a_screenshot_shows_a_canvas(splash: Client, pages: Pages) -> None:
    answer = splash.post("/render.png", url=f"{pages.url}/draws", wait_for="body.frames", wait_for_timeout=10)
    picture = Image.open(io.BytesIO(answer.body))
    assert picture.getpixel((50, 50)) == (255, 0, 255, 255)


def test_pages_that_hang_do_not_block_screenshots_of_other_pages(splash: Client, pages: Pages) -> None:
    def hang(_: int) -> int:
        return splash.post("/render.png", url=f"{pages.url}/loop", wait=1, timeout=3).status

    def take(_: int) -> int:
        return splash.post("/render.png", url=f"{pages.url}/green", wait=0.05, timeout=20).status

    with ThreadPoolExecutor(8) as clients:
        hanging = [clients.submit(hang, number) for number in range(2)]
        assert list(clients.map(take, range(12))) == [200] * 12
        assert [one.result() for one in hanging] == [504, 504]


def test_an_archive_has_the_lazy_image_of_a_page(splash: Client, pages: Pages) -> None:
    archive = splash.post("/render.har", url=f"{pages.url}/lazy-and-slow").json
    assert any(entry["request"]["url"].endswith("/lazy.gif") for entry in archive["log"]["entries"])


@pytest.mark.parametrize("kind", ["html", "page"])
def test_a_render_of_the_html_alone_needs_no_drawing(kind: str) -> None:
    assert needs_of(kind, Include(png=True)).drawing is False
    assert needs_of("json", Include(html=True, history=True, script=True)).drawing is False


@pytest.mark.parametrize("part", ["png", "jpeg", "iframes", "har"])
def test_a_result_that_shows_or_loads_what_is_in_sight_needs_drawing(part: str) -> None:
    assert needs_of("json", Include(**{part: True})).drawing


@pytest.mark.parametrize("kind", ["png", "jpeg", "har"])
def test_pictures_and_archives_need_drawing(kind: str) -> None:
    assert needs_of(kind, Include()).drawing


class RecordingSession:
    """A session without Chromium, which records the commands that turn drawing on or off."""

    def __init__(self) -> None:
        self.drawn: list[bool] = []
        self.has_command = asyncio.Event()

    def send(self, method: str, params: dict[str, Any]) -> None:
        assert method == "Emulation.setFocusEmulationEnabled"
        self.drawn.append(params["enabled"])
        self.has_command.set()


def test_a_page_that_arrives_slowly_is_drawn_when_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing_module, "FROM_DOCUMENT", 0.0)
    monkeypatch.setattr(drawing_module, "FROM_LOAD", 0.0)

    async def run(*, wanted: bool, ends_at_load: bool) -> list[list[bool]]:
        session = RecordingSession()
        drawing = Drawing(session)  # type: ignore[arg-type]
        drawing.is_on = False
        if wanted:
            drawing.start_when_read()
        if ends_at_load:
            drawing.leave_off_at_load()
        seen = []
        for send_event in (drawing.on_document, drawing.on_content_read, drawing.on_load_event):
            send_event()
            if send_event != drawing.on_content_read:
                await asyncio.sleep(0.01)  # timers that are due run
            seen.append(list(session.drawn))
        drawing.forget()
        return seen

    assert asyncio.run(run(wanted=True, ends_at_load=False)) == [[], [True], [True]]
    assert asyncio.run(run(wanted=False, ends_at_load=False)) == [[], [], [True]]
    assert asyncio.run(run(wanted=False, ends_at_load=True)) == [[], [], []]


def test_a_timer_of_the_page_before_does_not_start_the_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing_module, "FROM_DOCUMENT", 0.0)
    monkeypatch.setattr(drawing_module, "FROM_LOAD", 0.0)

    async def run() -> list[bool]:
        session = RecordingSession()
        drawing = Drawing(session)  # type: ignore[arg-type]
        drawing.is_on = False
        drawing.on_document()
        drawing.on_content_read()
        drawing.forget()
        drawing.on_document()  # of the next page, which is not read yet
        await asyncio.sleep(0.01)  # timers that are due run
        return session.drawn

    assert asyncio.run(run()) == []


def test_a_page_that_is_never_read_is_drawn_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing_module, "FROM_LOAD", 0.01)
    monkeypatch.setattr(drawing_module, "FROM_UNREAD", 0.05)

    async def run() -> None:
        session = RecordingSession()
        drawing = Drawing(session)  # type: ignore[arg-type]
        drawing.is_on = False
        drawing.on_document()
        async with asyncio.timeout(10):
            await session.has_command.wait()
        assert session.drawn == [True]

    asyncio.run(run())
