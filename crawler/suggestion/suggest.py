"""``suggest``: the repeated record of a list page, its fields, its natural key and the next page."""

from __future__ import annotations

from crawler.suggestion.alternatives import candidates
from crawler.suggestion.suggestion import Field, Suggestion, TypeOf, text_only

__all__ = ["Field", "Suggestion", "TypeOf", "candidates", "suggest"]


def suggest(html: str, url: str, type_of: TypeOf = text_only) -> Suggestion | None:
    """Return the best suggestion for the rendered HTML of a list page; None if nothing is repeated on it.

    Args:
        html: the HTML of a list page, as a renderer returns it.
        url: the page's URL.
        type_of: returns the type of a field's texts; ``pipelines.values.type_guess.type_of`` does so by the rules that
            later read them. Without it every type is "str".
    """
    return next(iter(candidates(html, url, type_of)), None)
