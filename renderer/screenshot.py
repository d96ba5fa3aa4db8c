"""Pictures of a tab, in the sizes that Splash's arguments ask for."""

from __future__ import annotations

import base64
import math

from renderer.cdp import Params
from renderer.options import ImageOptions, check_viewport
from renderer.tab import Tab


class PictureTooLarge(Exception):
    """The page has more pixels than a picture may have."""


async def set_viewport_full(tab: Tab) -> tuple[int, int]:
    """Make the viewport as large as the page."""
    metrics = await tab.session.call("Page.getLayoutMetrics")
    size = metrics["cssContentSize"]
    # Only as high as the page needs: Splash keeps the width unless the page is wider.
    width = max(math.ceil(size["width"]), tab.viewport[0])
    height = math.ceil(size["height"]) or tab.viewport[1]
    try:
        check_viewport(width, height)
    except ValueError as error:
        raise PictureTooLarge(str(error)) from error
    await tab.set_viewport(width, height)
    return width, height


async def take(
    tab: Tab,
    kind: str,
    options: ImageOptions,
    *,
    render_all: bool = False,
    region: tuple[float, float, float, float] | None = None,
) -> bytes:
    """A PNG or JPEG of the viewport, the whole page or a region (left, top, right, bottom)."""
    before = tab.viewport
    if render_all:
        await set_viewport_full(tab)
    left, top, right, bottom = region or (0, 0, *tab.viewport)
    scale = options.width / (right - left) if options.width else 1.0
    height = bottom - top
    if options.height:
        height = min(height, options.height / scale)
    parameters: Params = {"format": kind, "captureBeyondViewport": region is not None}
    if kind == "jpeg":
        parameters["quality"] = options.quality
    if region is not None or options.width or options.height:
        scroll = await tab.evaluate("[scrollX, scrollY]")
        parameters["clip"] = {
            "x": left + scroll[0],
            "y": top + scroll[1],
            "width": right - left,
            "height": height,
            "scale": scale,
        }
    answer = await tab.session.call("Page.captureScreenshot", parameters)
    if render_all:
        await tab.set_viewport(*before)
    return base64.b64decode(answer["data"])
