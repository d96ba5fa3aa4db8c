"""Pictures in the form that Splash gives them."""

from __future__ import annotations

import io

import pytest
from PIL import Image


@pytest.fixture
def picture(splash, pages):
    def take(path: str, kind: str = "png", **arguments) -> Image.Image:
        answer = splash.post(f"/render.{kind}", url=f"{pages.url}{path}", **arguments)
        assert answer.status == 200, answer.text
        return Image.open(io.BytesIO(answer.body))

    return take


def test_a_png_has_an_alpha_channel_and_a_jpeg_has_none(picture):
    png = picture("/green")
    assert (png.mode, png.size, png.getpixel((5, 5))) == ("RGBA", (1024, 768), (0, 255, 119, 255))
    assert picture("/green", "jpeg").mode == "RGB"


def test_a_height_leaves_room_below_a_short_page(picture):
    png = picture("/green", viewport="100x100", height=300)
    assert (png.size, png.getpixel((50, 299))) == ((100, 300), (0, 0, 0, 0))
    jpeg = picture("/green", "jpeg", viewport="100x100", height=300)
    assert (jpeg.size, jpeg.getpixel((50, 299))) == ((100, 300), (255, 255, 255))


def test_a_width_scales_and_a_height_cuts_what_is_scaled(picture):
    for method in ("raster", "vector"):
        scaled = picture("/split", viewport="200x100", width=50, height=20, scale_method=method)
        assert scaled.size == (50, 20)
        assert scaled.getpixel((5, 5)) == (255, 0, 0, 255)
        assert scaled.getpixel((45, 5)) == (0, 0, 255, 255)


def test_raster_scaling_blurs_and_vector_scaling_does_not(picture):
    def colours(method):
        scaled = picture("/split", viewport="200x100", width=90, scale_method=method)
        return {scaled.getpixel((x, 5)) for x in range(scaled.width)}

    assert len(colours("vector")) == 2 < len(colours("raster"))


def test_a_page_longer_than_any_viewport_comes_whole(picture):
    png = picture("/long", viewport="50x100", render_all=1, wait=0.01)
    assert png.size[1] == 45000
    assert [png.getpixel((5, y))[:3] for y in (100, 44990)] == [(0, 255, 0), (0, 0, 255)]


def test_a_page_that_is_too_large_for_a_picture_is_refused(splash, pages):
    answer = splash.post("/render.png", url=f"{pages.url}/huge", render_all=1, wait=0.01)
    assert (answer.status, answer.json["info"]["argument"]) == (400, "render_all")
