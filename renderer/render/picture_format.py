"""Pictures in Splash's form, made of Chromium's: with alpha, padding, scaling by pixels, and any length."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from PIL import Image

# As in Splash. The best compression takes ten times as long.
PNG_COMPRESSION = 1


@dataclass(frozen=True, kw_only=True)
class PictureFormat:
    """The form of a picture that is made of Chromium's tiles."""

    kind: str  # png or jpeg
    quality: int
    width: int | None = None  # pixels to scale to
    height: int | None = None  # pixels to cut or pad to


class Padding(NamedTuple):
    """Pixels around the part of the page that a picture shows."""

    left: int
    top: int
    right: int
    bottom: int


def pad_picture(tile: bytes, padding: Padding, form: PictureFormat) -> bytes:
    """Return the picture of a part of the page with padding around it, in Splash's form."""
    part = Image.open(io.BytesIO(tile)).convert("RGBA")
    size = (part.width + padding.left + padding.right, part.height + padding.top + padding.bottom)
    padded = Image.new("RGBA", size, (0, 0, 0, 0))
    padded.paste(part, (padding.left, padding.top))
    written = io.BytesIO()
    padded.save(written, "PNG", compress_level=PNG_COMPRESSION)
    return encode_picture([written.getvalue()], form)


def encode_picture(tiles: Sequence[bytes], form: PictureFormat) -> bytes:
    """Return one picture made of the tiles, which come from top to bottom, in Splash's form."""
    pictures = [Image.open(io.BytesIO(tile)) for tile in tiles]
    mode = "RGBA" if form.kind == "png" else "RGB"
    picture = pictures[0].convert(mode)
    if len(pictures) > 1:
        picture = Image.new(mode, (pictures[0].width, sum(tile.height for tile in pictures)))
        top = 0
        for tile in pictures:
            picture.paste(tile.convert(mode), (0, top))
            top += tile.height
    if form.width is not None and form.width != picture.width:
        size = (form.width, max(1, round(picture.height * form.width / picture.width)))
        picture = picture.resize(size, Image.Resampling.BILINEAR)
    if form.height is not None and form.height != picture.height:
        below = (0, 0, 0, 0) if mode == "RGBA" else (255, 255, 255)
        padded = Image.new(mode, (picture.width, form.height), below)
        padded.paste(picture)
        picture = padded
    written = io.BytesIO()
    if form.kind == "png":
        picture.save(written, "PNG", compress_level=PNG_COMPRESSION)
    else:
        picture.save(written, "JPEG", quality=form.quality)
    return written.getvalue()
