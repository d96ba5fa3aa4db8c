"""What Splash's pictures have and Chromium's do not: alpha, room below the page, raster scaling, any length."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from PIL import Image

# Splash's own; the best compression would take ten times as long.
PNG_COMPRESSION = 1


@dataclass(frozen=True, kw_only=True)
class Finish:
    """What is still to be done to the tiles that Chromium drew, from top to bottom."""

    kind: str  # png or jpeg
    quality: int
    width: int | None = None  # scale to this, by pixels
    height: int | None = None  # cut there, or leave room up to it


class Room(NamedTuple):
    """Pixels around a picture, where there is no page."""

    left: int
    top: int
    right: int
    bottom: int


def frame(tile: bytes, room: Room, how: Finish) -> bytes:
    """The picture of a part of the page, with room around it, in the form that Splash would send."""
    part = Image.open(io.BytesIO(tile)).convert("RGBA")
    size = (part.width + room.left + room.right, part.height + room.top + room.bottom)
    whole = Image.new("RGBA", size, (0, 0, 0, 0))
    whole.paste(part, (room.left, room.top))
    written = io.BytesIO()
    whole.save(written, "PNG", compress_level=PNG_COMPRESSION)
    return finish([written.getvalue()], how)


def finish(tiles: Sequence[bytes], how: Finish) -> bytes:
    """One picture in the form that Splash would send."""
    pictures = [Image.open(io.BytesIO(tile)) for tile in tiles]
    mode = "RGBA" if how.kind == "png" else "RGB"
    picture = pictures[0].convert(mode)
    if len(pictures) > 1:
        picture = Image.new(mode, (pictures[0].width, sum(tile.height for tile in pictures)))
        top = 0
        for tile in pictures:
            picture.paste(tile.convert(mode), (0, top))
            top += tile.height
    if how.width is not None and how.width != picture.width:
        size = (how.width, max(1, round(picture.height * how.width / picture.width)))
        picture = picture.resize(size, Image.Resampling.BILINEAR)
    if how.height is not None and how.height != picture.height:
        below = (0, 0, 0, 0) if mode == "RGBA" else (255, 255, 255)
        room = Image.new(mode, (picture.width, how.height), below)
        room.paste(picture)
        picture = room
    written = io.BytesIO()
    if how.kind == "png":
        picture.save(written, "PNG", compress_level=PNG_COMPRESSION)
    else:
        picture.save(written, "JPEG", quality=how.quality)
    return written.getvalue()
