"""Protection against other sites: what changes something must come from a page of the console itself."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from flask import Flask, abort, request

from console.security.identity import csrf_token, is_open_to_all, this_person

SAFE = frozenset(("GET", "HEAD", "OPTIONS"))
FIELD, HEADER = "csrf_token", "X-CSRF-Token"


def init(app: Flask) -> None:
    """Refuse requests of other sites, and let templates make the tokens of their forms."""
    app.before_request(_check)

    @app.context_processor
    def tokens() -> dict[str, object]:
        person = this_person()
        return {"csrf": csrf_token(person.cookie) if person is not None and person.cookie else ""}


def comes_from_another_site(headers: object, host: str, scheme: str) -> bool:
    """Return whether a browser says that a page of another site has made a request.

    Args:
        host, scheme: of this console, as the request has them.
    """
    get = headers.get  # type: ignore[attr-defined]
    site = get("Sec-Fetch-Site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = get("Origin")
    if origin is None:
        return False
    try:
        parts = urlsplit(origin)
    except ValueError:  # "http://["
        return True
    return (parts.scheme, parts.netloc) != (scheme, host)


def _check() -> None:
    if request.method in SAFE:
        return
    if comes_from_another_site(request.headers, request.host, request.scheme):
        abort(403, "the form was sent by a page of another site, so nothing was done")
    person = this_person()
    if person is None or person.cookie is None:  # nobody; or a token, which no other site can send
        return
    if is_open_to_all():  # the forms of the login and of links do nothing in the name of who is logged in
        return
    sent = request.headers.get(HEADER) or request.form.get(FIELD, "")
    if not hmac.compare_digest(sent.encode(), csrf_token(person.cookie).encode()):
        abort(403, "the form is old, or another site has sent it, so nothing was done: load the page again")
