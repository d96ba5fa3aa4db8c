"""The list of challenge pages: what a site's protection against robots answers in place of a page.

Each entry has the source of its header or marker. A marker is text of the challenge page only: a script that the
same product also adds to ordinary pages is none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

LARGEST = 64 * 1024  # bytes; challenge pages are small
REFUSING = (403, 405, 429, 503)  # the statuses of challenge pages; some come with 200 or 202
ERRORS = (*REFUSING, 401)
SHORT = 500  # characters of text that a page with a CAPTCHA and nothing else has at most


@dataclass(frozen=True)
class Marker:
    """A text of challenge pages.

    Attributes:
        words: a page with the marker has one of them. To search for a word costs a hundredth of what the pattern costs.
        pattern: for a page in lower case.
    """

    words: tuple[bytes, ...]
    pattern: re.Pattern[bytes]

    def is_in(self, page: bytes) -> bool:
        """Return whether a page, which is in lower case, has the marker."""
        return any(word in page for word in self.words) and self.pattern.search(page) is not None


@dataclass(frozen=True, kw_only=True)
class Challenge:
    """How a product's challenge page is recognised. One of the signs is enough.

    Attributes:
        product: the name in the verdict.
        header: the name of a header and its values; they mean a challenge with every status.
        marker: text of the body that only a challenge page has, with every status.
        with_error: the name of a header and its values that ordinary pages have too: a challenge or a block if the
            status is one of ERRORS.
        source: where the product describes the sign, or who else looks for it.
    """

    product: str
    header: tuple[str, re.Pattern[bytes]] | None = None
    marker: Marker | None = None
    with_error: tuple[str, re.Pattern[bytes]] | None = None
    source: str


def _text(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern, re.IGNORECASE)


def _marker(pattern: bytes, *words: bytes) -> Marker:
    return Marker(words, re.compile(pattern))


CHALLENGES = (
    Challenge(
        product="Cloudflare",
        header=("cf-mitigated", _text(rb"^challenge$")),
        # Not /cdn-cgi/challenge-platform/: JavaScript Detections puts that into ordinary pages.
        marker=_marker(rb"window\._cf_chl_opt\b", b"window._cf_chl_opt"),
        source="developers.cloudflare.com/cloudflare-challenges/challenge-types/challenge-pages/detect-response",
    ),
    Challenge(
        product="DataDome",
        # Ordinary pages of a protected site have the header as well, and their tag is from js.datadome.co.
        with_error=("x-datadome", _text(rb".")),
        marker=_marker(rb"\bcaptcha-delivery\.com/", b"captcha-delivery.com/"),
        source="docs.datadome.co, JavaScript tag and block page",
    ),
    Challenge(
        product="PerimeterX",
        marker=_marker(
            rb"""id=["']?px-captcha\b|\bcaptcha\.px-(?:cdn|cloud)\.net/""", b"px-captcha", b"captcha.px-c"
        ),
        source="docs.humansecurity.com, custom block page; PerimeterX/perimeterx-nginx-plugin, examples",
    ),
    Challenge(
        product="Akamai",
        with_error=("server", _text(rb"^AkamaiGHost$")),
        marker=_marker(
            rb"/_sec/verify\?provider=interstitial|\bid=[\"']?sec-if-cpt-container\b",
            b"/_sec/verify?provider=interstitial",
            b"sec-if-cpt-container",
        ),
        source="techdocs.akamai.com, Bot Manager: challenge actions; errors.edgesuite.net pages",
    ),
    Challenge(
        product="Imperva",
        marker=_marker(rb"incapsula incident id", b"incapsula incident id"),
        source="EnableSecurity/wafw00f, wafw00f/plugins/incapsula.py",
    ),
    Challenge(
        product="AWS WAF",
        header=("x-amzn-waf-action", _text(rb"^(?:challenge|captcha)$")),
        source="docs.aws.amazon.com/waf/latest/developerguide/waf-captcha-and-challenge-actions.html",
    ),
)

# Ordinary pages have CAPTCHAs too, in forms. They are challenge pages with a status of REFUSING, or if nothing else is
# on them: little text, no link, no field for a password.
CAPTCHAS = {
    "hCaptcha": _marker(
        rb"\bhcaptcha\.com/1/api\.js", b"hcaptcha.com/1/api.js"
    ),  # docs.hcaptcha.com, Add the hCaptcha widget
    "reCAPTCHA": _marker(
        rb"\b(?:google\.com|recaptcha\.net)/recaptcha/(?:api|enterprise)\.js", b"/recaptcha/"
    ),  # developers.google.com/recaptcha/docs/display
}
_CONTENT = re.compile(
    rb"""<a\s[^>]*\bhref=|\btype=["']?(?:password|email|search)\b|<textarea\b(?![^>]*g-recaptcha)"""
)
_NOT_TEXT = re.compile(
    rb"<(script|style|noscript)\b.*?</\1\s*>|<!--.*?-->|<[^>]*>", re.IGNORECASE | re.DOTALL
)


def challenge_of(status: int, headers: Mapping[str, bytes], body: bytes) -> str | None:
    """Return the name of the product whose challenge page this is; None if it is another page.

    Args:
        status: the site's HTTP status.
        headers: the site's headers, by names in lower case; empty if they are not known.
        body: the page, decompressed.
    """
    small = body.lower() if len(body) <= LARGEST else b""
    for known in CHALLENGES:
        if known.header is not None and _has(headers, known.header):
            return known.product
        if known.with_error is not None and status in ERRORS and _has(headers, known.with_error):
            return known.product
        if known.marker is not None and known.marker.is_in(small):
            return known.product
    for name, script in CAPTCHAS.items():
        if script.is_in(small) and (status in REFUSING or _has_nothing_else(small)):
            return name
    return None


def _has(headers: Mapping[str, bytes], sign: tuple[str, re.Pattern[bytes]]) -> bool:
    name, values = sign
    return name in headers and values.search(headers[name].strip()) is not None


def _has_nothing_else(body: bytes) -> bool:
    text = b" ".join(_NOT_TEXT.sub(b" ", body).split())
    return len(text) <= SHORT and _CONTENT.search(body) is None
