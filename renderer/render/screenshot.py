"""Pictures of a tab, in the sizes of Splash's arguments."""

from __future__ import annotations

import asyncio
import base64
import math

from renderer.chromium.cdp import Params
from renderer.render.options import MAX_VIEWPORT_AREA, MAX_VIEWPORT_SIDE, ImageOptions, check_viewport
from renderer.render.picture_format import PictureFormat, encode_picture
from renderer.tab.tab import Tab

# The height in pixels that Chromium draws in one piece, if the page is longer than the largest viewport.
TILE = 8192


class PictureTooLarge(Exception):
    """The page has too many pixels for a picture."""


async def set_viewport_full(tab: Tab) -> tuple[int, int]:
    """Make the viewport as large as the page; return its width and height in pixels.

    Raises:
        PictureTooLarge: the page is larger than a viewport may be.
    """
    width, height = await _page_size(tab)
    try:
        check_viewport(width, height)
    except ValueError as error:
        raise PictureTooLarge(str(error)) from error
    await tab.set_viewport(width, height)
    return width, height


async def _page_size(tab: Tab) -> tuple[int, int]:
    metrics = await tab.session.call("Page.getLayoutMetrics")
    size = metrics["cssContentSize"]
    # As in Splash: the height is the page's, the width stays unless the page is wider.
    width = max(math.ceil(size["width"]), tab.viewport[0])
    return width, math.ceil(size["height"]) or tab.viewport[1]


def _check_area(width: int, height: int) -> None:
    if width * height >= MAX_VIEWPORT_AREA:
        raise PictureTooLarge(f"Page ({width}x{height}) area is too large")


async def take(
    tab: Tab,
    kind: str,
    options: ImageOptions,
    *,
    render_all: bool = False,
    region: tuple[float, float, float, float] | None = None,
) -> bytes:
    """Return a PNG or JPEG of the viewport, of all of the page, or of a region (left, top, right, bottom).

    Raises:
        PictureTooLarge: the page has too many pixels.
    """
    tab.drawing.start()
    before = tab.viewport
    is_long = False
    if render_all:
        width, height = await _page_size(tab)
        is_long = height > MAX_VIEWPORT_SIDE
        if is_long:
            _check_area(width, height)
            region = (0, 0, width, height)
        else:
            await set_viewport_full(tab)
    left, top, right, bottom = region or (0, 0, *tab.viewport)
    by_pixels = options.width is not None and options.scale_method == "raster"
    factor = options.width / (right - left) if options.width else 1.0
    if options.height:
        bottom = min(bottom, top + options.height / factor)
    parameters: Params = {"format": kind, "captureBeyondViewport": region is not None}
    if kind == "jpeg":
        parameters["quality"] = 100 if by_pixels else options.quality
    needs_clip = region is not None or options.height or (options.width and not by_pixels)
    scroll = await tab.document.evaluate("[scrollX, scrollY]") if needs_clip and not is_long else (0, 0)
    tiles = []
    step = TILE if is_long else bottom - top
    while top < bottom:
        if needs_clip:
            parameters["clip"] = {
                "x": left + scroll[0],
                "y": top + scroll[1],
                "width": right - left,
                "height": min(step, bottom - top),
                "scale": 1.0 if by_pixels else factor,
            }
        answer = await tab.session.call("Page.captureScreenshot", parameters)
        tiles.append(base64.b64decode(answer["data"]))
        top += step
    if render_all and not is_long:
        await tab.set_viewport(*before)
    form = PictureFormat(
        kind=kind,
        quality=options.quality,
        width=options.width if by_pixels else None,
        height=options.height,
    )
    if kind == "jpeg" and len(tiles) == 1 and form.width is None and form.height is None:
        return tiles[0]
    # In a thread: megapixels take time.
    return await asyncio.to_thread(encode_picture, tiles, form)
