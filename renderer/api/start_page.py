"""The page at /, to try a URL or a script by hand. It shows results of hostile pages, so its headers forbid a lot."""

from __future__ import annotations

import json
import secrets
from importlib import resources

_PAGE = resources.files(__package__).joinpath("start_page.html").read_text(encoding="utf-8")


def start_page(*, lua: bool) -> tuple[str, dict[str, str]]:
    """Return the page, and the headers that isolate it from the results that it shows."""
    nonce = secrets.token_urlsafe(16)
    config = json.dumps({"lua_enabled": lua})
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = {
        "Content-Security-Policy": policy,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
    return _PAGE.replace("NONCE", nonce).replace("CONFIG", config), headers
