"""The commands of pictures: png and jpeg, of the page and of its elements."""

from __future__ import annotations

import asyncio
from typing import Any

from renderer.chromium.cdp import CommandFailed
from renderer.lua import page_values
from renderer.lua.lua_values import Binary, Element
from renderer.lua.runtime import Command, LuaFailure, Runtime, as_number
from renderer.render import screenshot
from renderer.render.options import MAX_VIEWPORT_AREA, MAX_VIEWPORT_SIDE, ImageOptions
from renderer.render.picture_format import Padding, PictureFormat, pad_picture
from renderer.tab.tab import Tab

Region = tuple[float, float, float, float]  # left, top, right, bottom

# Returns undefined for an element that is not visible.
_EDGES = """function () {
  const style = getComputedStyle(this), box = this.getBoundingClientRect();
  if (!this.isConnected || style.visibility === 'hidden' || !box.width || !box.height) return undefined;
  const page = document.documentElement;
  return [box.left, box.top, box.right, box.bottom, -scrollX, -scrollY,
    Math.max(page.scrollWidth, innerWidth) - scrollX, Math.max(page.scrollHeight, innerHeight) - scrollY];
}"""


class PictureApi:
    """The commands of pictures."""

    def __init__(self, tab: Tab) -> None:
        self._tab = tab

    def add_to(self, runtime: Runtime) -> None:
        for function in (self.png, self.jpeg):
            runtime.add(Command(function.__name__, function))
            runtime.host.call(b"add_method", function.__name__.encode())
        for name, element_function in (("png", self.element_png), ("jpeg", self.element_jpeg)):
            runtime.add(Command(f"element.{name}", element_function, bound=1))
            runtime.host.call(b"add_element_method", name.encode())

    # -- the page

    async def png(
        self,
        width: Any = None,
        height: Any = None,
        render_all: bool = False,
        scale_method: str | None = None,
        region: Any = None,
    ) -> Binary | None:
        options = _image_options(width, height, scale_method, None, region)
        data = await self._picture("png", options, render_all, region)
        return None if data is None else Binary(data, "image/png")

    async def jpeg(
        self,
        width: Any = None,
        height: Any = None,
        render_all: bool = False,
        scale_method: str | None = None,
        quality: Any = None,
        region: Any = None,
    ) -> Binary | None:
        options = _image_options(width, height, scale_method, quality, region)
        data = await self._picture("jpeg", options, render_all, region)
        return None if data is None else Binary(data, "image/jpeg")

    async def _picture(self, kind: str, options: ImageOptions, render_all: bool, region: Any) -> bytes | None:
        edges = _region(region)
        if edges is not None and (edges[2] <= edges[0] or edges[3] <= edges[1]):
            return None
        if any(side is not None and side <= 0 for side in (options.width, options.height)):
            return None
        left, top, right, bottom = edges or (0, 0, *self._tab.viewport)
        _check_area(options.width or right - left, options.height or bottom - top)
        try:
            return await screenshot.take(self._tab, kind, options, render_all=bool(render_all), region=edges)
        except (CommandFailed, screenshot.PictureTooLarge) as error:
            raise LuaFailure(f"the picture could not be taken: {error}") from error

    # -- an element

    async def element_png(
        self, element: Any, width: Any = None, scale_method: str | None = None, pad: Any = None
    ) -> Binary | None:
        options = _image_options(width, None, scale_method, None)
        data = await self._element_picture(element, "png", options, pad)
        return None if data is None else Binary(data, "image/png")

    async def element_jpeg(
        self,
        element: Any,
        width: Any = None,
        scale_method: str | None = None,
        quality: Any = None,
        pad: Any = None,
    ) -> Binary | None:
        options = _image_options(width, None, scale_method, quality)
        data = await self._element_picture(element, "jpeg", options, pad)
        return None if data is None else Binary(data, "image/jpeg")

    async def _element_picture(
        self, element: Any, kind: str, options: ImageOptions, pad: Any
    ) -> bytes | None:
        if not isinstance(element, Element):
            raise LuaFailure("an element is expected")
        padding = _padding(pad)
        try:
            edges = await page_values.call(self._tab, element, _EDGES, ())
        except LuaFailure:
            return None  # the element is gone with its page
        if edges is None:
            return None
        left, top, right, bottom, *page = edges
        wanted = [left - padding[0], top - padding[1], right + padding[2], bottom + padding[3]]
        _check_area(wanted[2] - wanted[0], wanted[3] - wanted[1])
        inside = [*map(max, wanted[:2], page[:2]), *map(min, wanted[2:], page[2:])]
        if inside == wanted:
            return await self._picture(kind, options, False, wanted)
        part = await self._picture("png", ImageOptions(), False, inside)
        if part is None:
            return None
        missing = Padding(*(abs(round(mine - theirs)) for mine, theirs in zip(wanted, inside, strict=True)))
        picture_format = PictureFormat(kind=kind, quality=options.quality, width=options.width)
        return await asyncio.to_thread(pad_picture, part, missing, picture_format)


def _padding(pad: Any) -> Region:
    if pad is None:
        return 0, 0, 0, 0
    values = list(pad.values()) if isinstance(pad, dict) else [pad] * 4
    if len(values) != 4 or not all(isinstance(value, int | float) for value in values):
        raise LuaFailure("pad must be a table containing 4 numbers {left, top, right, bottom} ", bare=True)
    return values[0], values[1], values[2], values[3]


def _image_options(
    width: Any, height: Any, scale_method: Any, quality: Any, region: Any = None
) -> ImageOptions:
    """Return the options of a picture; a script's limits are not those of the HTTP arguments."""
    if scale_method not in (None, "raster", "vector"):
        raise LuaFailure(
            f"Invalid scale method (must be 'vector' or 'raster'): {scale_method}", argument="scale_method"
        )
    if region is not None and height is not None:
        raise LuaFailure(
            "'height' argument is not supported when 'region' is argument is passed", argument="height"
        )
    return ImageOptions(
        width=_whole_number("width", width),
        height=_whole_number("height", height),
        scale_method=scale_method or "raster",
        quality=75 if quality is None else min(100, max(0, _whole_number("quality", quality) or 0)),
    )


def _check_area(width: float, height: float) -> None:
    if width * height >= MAX_VIEWPORT_AREA:
        raise LuaFailure("the picture would have too many pixels")


def _whole_number(name: str, value: Any) -> int | None:
    if value is None:
        return None
    try:
        number = int(as_number(value))
    except (ValueError, OverflowError) as error:
        raise LuaFailure(f"{name} must be a number", argument=name) from error
    if number > MAX_VIEWPORT_SIDE:
        raise LuaFailure(f"{name} must be at most {MAX_VIEWPORT_SIDE}", argument=name)
    return number


def _region(region: Any) -> tuple[float, float, float, float] | None:
    if region is None:
        return None
    values = list(region.values()) if isinstance(region, dict) else region
    if (
        not isinstance(values, list)
        or len(values) != 4
        or not all(isinstance(v, int | float) for v in values)
    ):
        raise LuaFailure("region must be a table containing 4 numbers {left, top, right, bottom} ", bare=True)
    left, top, right, bottom = values
    return left, top, right, bottom
