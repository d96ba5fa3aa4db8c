"""Oscar's interface of thumbnails: the shop has no pictures."""

from __future__ import annotations

from typing import Any

from oscar.core.thumbnails import AbstractThumbnailer


class Thumbnails(AbstractThumbnailer):
    def generate_thumbnail(self, source: Any, **options: Any) -> Any:
        return source

    def delete_thumbnails(self, source: Any) -> None:
        pass
