"""The pattern of a URL: its path and query with numbers, ids and slugs replaced. Pages of one pattern are alike."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

LONGEST_WORD = 20  # letters; a longer word is a slug
LONGEST_PATTERN = 1000  # characters

# Parameters that say where a visitor comes from. They choose no page.
TRACKING = re.compile(
    r"utm_\w+|gclid|gclsrc|gbraid|wbraid|dclid|fbclid|msclkid|yclid|twclid|ttclid|igshid|mc_cid|mc_eid|_ga|_gl|"
    r"_hsenc|_hsmi|mkt_tok|oly_anon_id|oly_enc_id|vero_id|wickedid|s_kwcid|srsltid",
    re.IGNORECASE,
)

_NUMBER = re.compile(r"\d+")
_ID = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|(?=[0-9a-z]*\d)[0-9a-z]{8,}", re.IGNORECASE
)
_SLUG = re.compile(r"[^-_]+(?:[-_]+[^-_]+)+|.*(?:%[0-9a-f]{2}|[^\x00-\x7f]).*", re.IGNORECASE | re.DOTALL)
_EXTENSION = re.compile(r"\.[a-z]{1,5}$", re.IGNORECASE)


def url_pattern(url: str) -> str:
    """Return the pattern of a URL: ``/catalogue/the-long-way_12/?page=3`` becomes ``/catalogue/{slug}/?page={n}``.

    A single word stays: ``/about`` and ``/contact`` are two patterns. Tracking parameters do not count.
    """
    parts = urlsplit(url)
    path = "/".join(_part(segment) for segment in (parts.path or "/").split("/"))
    pairs = sorted(
        f"{name}={'/'.join(_part(one) for one in value.split('/'))}"
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if not TRACKING.fullmatch(name)
    )
    fragment = "/".join(_part(segment) for segment in parts.fragment.split("/"))
    text = path + ("?" + "&".join(pairs) if pairs else "") + (f"#{fragment}" if fragment else "")
    return text[:LONGEST_PATTERN]


def coarse_pattern(url: str) -> str:
    """Return a pattern that many more URLs share: the number of parts of the path, and the names of the parameters."""
    parts = urlsplit(url)
    path = "/".join("{any}" if segment else "" for segment in (parts.path or "/").split("/"))
    names = sorted(
        {name for name, _ in parse_qsl(parts.query, keep_blank_values=True) if not TRACKING.fullmatch(name)}
    )
    text = path + ("?" + "&".join(names) if names else "") + ("#{any}" if parts.fragment else "")
    return text[:LONGEST_PATTERN]


def _part(text: str) -> str:
    """Return a part of a path, or a value, with what differs between pages of one kind replaced."""
    extension = _EXTENSION.search(text)
    end = extension.group() if extension else ""
    stem = text[: len(text) - len(end)]
    if _NUMBER.fullmatch(stem):
        return f"{{n}}{end}"
    if _ID.fullmatch(stem):
        return f"{{id}}{end}"
    if _SLUG.fullmatch(stem) or len(stem) > LONGEST_WORD:
        return f"{{slug}}{end}"
    return _NUMBER.sub("{n}", stem) + end


def without_tracking(url: str) -> str:
    """Return the URL without tracking parameters, and unchanged if it has none."""
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    kept = [(name, value) for name, value in pairs if not TRACKING.fullmatch(name)]
    return url if len(kept) == len(pairs) else urlunsplit(parts._replace(query=urlencode(kept)))
