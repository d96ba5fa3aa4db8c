"""ParseResult: the rows, rejections and links of a page snapshot, parsed by the current spider."""

from __future__ import annotations

from dataclasses import dataclass

from crawler.page.row import Rejection, ValidRow
from crawler.page.snapshot_policy import RAISED
from crawler.security.plain_text import last_line


@dataclass(frozen=True, kw_only=True)
class ParseResult:
    rows: tuple[ValidRow, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    links: tuple[str, ...] = ()  # the URLs of the requests that the callback yielded
    error: str | None = None

    def still_wrong(self, reason: str) -> str | None:
        """Return in one line the fault that the page still has; None if it has none.

        Args:
            reason: the reason for the snapshot. With RAISED a callback that now yields nothing is good. With another
                reason it is not: a value or an element was missing, and now nothing is found.
        """
        if self.error:
            return last_line(self.error, 1000)
        if self.rejections:
            return "; ".join(
                f"{name} {why}".strip() for one in self.rejections for name, why in one.reasons.items()
            )
        if reason != RAISED and not self.rows and not self.links:
            return "it yields neither a row nor a link"
        return None
