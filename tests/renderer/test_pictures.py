"""Pictures in Splash's form."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from tests.renderer.conftest import Client, Pages

TakePicture = Callable[..., Image.Image]


@pytest.fixture
def picture(splash: Client, pages: Pages) -> TakePicture:
    """Return a function that renders a path of the site as a picture."""

    def take(path: str, kind: str = "png", **arguments: Any) -> Image.Image:
        answer = splash.post(f"/render.{kind}", url=f"{pages.url}{path}", **arguments)
        assert answer.status == 200, answer.text
        return Image.open(io.BytesIO(answer.body))

    return take


def test_a_png_has_an_alpha_channel_and_a_jpeg_has_none(picture: TakePicture) -> None:
    png = picture("/green")
    assert (png.mode, png.size, png.getpixel((5, 5))) == ("RGBA", (1024, 768), (0, 255, 119, 255))
    assert picture("/green", "jpeg").mode == "RGB"


def test_height_pads_a_short_page(picture: TakePicture) -> None:
    png = picture("/green", viewport="100x100", height=300)
    assert (png.size, png.getpixel((50, 299))) == ((100, 300), (0, 0, 0, 0))
    jpeg = picture("/green", "jpeg", viewport="100x100", height=300)
    assert (jpeg.size, jpeg.getpixel((50, 299))) == ((100, 300), (255, 255, 255))


def test_width_scales_a_picture_and_height_cuts_it(picture: TakePicture) -> None:
    for method in ("raster", "vector"):
        scaled = picture("/split", viewport="200x100", width=50, height=20, scale_method=method)
        assert scaled.size == (50, 20)
        assert scaled.getpixel((5, 5)) == (255, 0, 0, 255)
        assert scaled.getpixel((45, 5)) == (0, 0, 255, 255)


def test_raster_scaling_blurs_and_vector_scaling_does_not(picture: TakePicture) -> None:
    def colours(method: str) -> set[Any]:
        scaled = picture("/split", viewport="200x100", width=90, scale_method=method)
        return {scaled.getpixel((x, 5)) for x in range(scaled.width)}

    assert len(colours("vector")) == 2 < len(colours("raster"))


def test_render_all_shows_a_page_that_is_longer_than_any_viewport(picture: TakePicture) -> None:
    png = picture("/long", viewport="50x100", render_all=1, wait=0.01)
    assert png.size[1] == 45000
    assert [png.convert("RGB").getpixel((5, y)) for y in (100, 44990)] == [(0, 255, 0), (0, 0, 255)]


def test_a_page_that_is_too_large_for_a_picture_is_refused(splash: Client, pages: Pages) -> None:
    answer = splash.post("/render.png", url=f"{pages.url}/huge", render_all=1, wait=0.01)
    assert (answer.status, answer.json["info"]["argument"]) == (400, "render_all")
