"""What happens on a page only when it is drawn: observers, animation frames, lazy images, a canvas."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

from PIL import Image

ALL = "body.animated.frames.intersected.lazy.resized.scrolled"


def test_what_waits_for_a_frame_happens(splash, pages):
    answer = splash.post("/render.html", url=f"{pages.url}/draws", wait_for=ALL, wait_for_timeout=10)
    assert answer.headers["x-splashdown-wait-for"] == "found", answer.text


def test_it_happens_while_a_script_waits_as_well(splash, pages):
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


def test_a_canvas_is_on_the_picture(splash, pages):
    answer = splash.post("/render.png", url=f"{pages.url}/draws", wait_for="body.frames", wait_for_timeout=10)
    picture = Image.open(io.BytesIO(answer.body))
    assert picture.getpixel((50, 50)) == (255, 0, 255, 255)


def test_pages_that_hang_keep_nobody_from_a_picture(splash, pages):
    def hang(_):
        return splash.post("/render.png", url=f"{pages.url}/loop", wait=1, timeout=3).status

    def take(_):
        return splash.post("/render.png", url=f"{pages.url}/green", wait=0.05, timeout=20).status

    with ThreadPoolExecutor(8) as clients:
        hanging = [clients.submit(hang, number) for number in range(2)]
        assert list(clients.map(take, range(12))) == [200] * 12
        assert [one.result() for one in hanging] == [504, 504]
