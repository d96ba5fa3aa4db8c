"""Reading: what a kept page gives when it is read once more."""

from __future__ import annotations

from dataclasses import dataclass

from crawler.kept_page import RAISED
from crawler.row import Rejection, ValidRow


@dataclass(frozen=True, kw_only=True)
class Reading:
    rows: tuple[ValidRow, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    links: tuple[str, ...] = ()  # the URLs of the requests that were yielded
    error: str | None = None

    def still_wrong(self, reason: str) -> str | None:
        """What is wrong with it today, in a line; None if nothing is.

        Args:
            reason: why the page was kept. A callback that raised and now yields nothing is fine. But where a value
                was missing, or the whole page, nothing at all is no better.
        """
        if self.error:
            return self.error.strip().splitlines()[-1]
        if self.rejections:
            return "; ".join(
                f"{name} {why}".strip() for one in self.rejections for name, why in one.reasons.items()
            )
        if reason != RAISED and not self.rows and not self.links:
            return "it gives neither a row nor a link"
        return None
