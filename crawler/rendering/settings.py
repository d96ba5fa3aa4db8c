"""The settings of adaptive rendering: RENDERING and RENDERING_CHECK_SHARE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from scrapy.settings import BaseSettings

AUTO, ALWAYS, NEVER = MODES = ("auto", "always", "never")
DEFAULT_CHECK_SHARE = 0.02


def rendering_of(text: object) -> str:
    """Return the mode that a text names: auto, always or never.

    Raises:
        ValueError: it names none.
    """
    word = text.strip().lower() if isinstance(text, str) else text
    if word not in MODES:
        raise ValueError(f"{text!r} is not auto, always or never")
    return str(word)


@dataclass(frozen=True, kw_only=True)
class RenderingSettings:
    """How the requests of ``render()`` are fetched.

    Attributes:
        mode: AUTO, ALWAYS or NEVER, for requests that do not say it themselves.
        check_share: the share of pages that are compared for ever.
    """

    mode: str
    check_share: float

    @classmethod
    def of(cls, settings: BaseSettings, spider: Any = None) -> Self:
        """Return the values of the settings; the spider's attribute ``rendering`` comes before RENDERING.

        Raises:
            ValueError: a value is wrong; the message says what to write.
        """
        own = getattr(spider, "rendering", None)
        given, name = settings.get("RENDERING"), "RENDERING"
        if own is not None:
            given, name = own, f"{type(spider).__name__}.rendering"
        share = settings.get("RENDERING_CHECK_SHARE")
        try:
            mode = ALWAYS if given is None else rendering_of(given)
        except ValueError as error:
            raise ValueError(f"{name}={error}: correct it") from None
        try:
            check_share = DEFAULT_CHECK_SHARE if share is None else float(share)
            if not 0 <= check_share <= 1:
                raise ValueError
        except (TypeError, ValueError):
            raise ValueError(
                f"RENDERING_CHECK_SHARE={share!r} is not a number from 0 to 1: correct the setting"
            ) from None
        return cls(mode=mode, check_share=check_share)
