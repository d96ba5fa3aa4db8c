"""Pictures of a tab, in the sizes that Splash's arguments ask for."""

from __future__ import annotations

import asyncio
import base64
import math

from renderer.cdp import Params
from renderer.options import MAX_VIEWPORT_AREA, MAX_VIEWPORT_SIDE, ImageOptions, check_viewport
from renderer.picture import Finish, finish
from renderer.tab import Tab

# What Chromium draws in one piece of a page that is longer than a viewport may be.
TILE = 8192


class PictureTooLarge(Exception):
    """The page has more pixels than a picture may have."""


async def set_viewport_full(tab: Tab) -> tuple[int, int]:
    """Make the viewport as large as the page."""
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
    # Only as high as the page needs: Splash keeps the width unless the page is wider.
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
    """A PNG or JPEG of the viewport, the whole page or a region (left, top, right, bottom)."""
    tab.drawing.start()
    before = tab.viewport
    long_page = False
    if render_all:
        width, height = await _page_size(tab)
        long_page = height > MAX_VIEWPORT_SIDE
        if long_page:
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
    scroll = await tab.evaluate("[scrollX, scrollY]") if needs_clip and not long_page else (0, 0)
    tiles = []
    step = TILE if long_page else bottom - top
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
    if render_all and not long_page:
        await tab.set_viewport(*before)
    how = Finish(
        kind=kind,
        quality=options.quality,
        width=options.width if by_pixels else None,
        height=options.height,
    )
    if kind == "jpeg" and len(tiles) == 1 and how.width is None and how.height is None:
        return tiles[0]
    # Megapixels take a while.
    return await asyncio.to_thread(finish, tiles, how)
