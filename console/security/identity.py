"""Who makes this request: found before it is handled, from the cookie of a session or the token of a program."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Collection, Mapping
from functools import wraps
from typing import Any, TypeVar, cast

from flask import Flask, Response, abort, current_app, g, redirect, request, url_for
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from console.database import now, reading, writing
from console.security.accounts import (
    TOKEN_PREFIX,
    Person,
    note_use,
    person_of_cookie,
    person_of_token,
    sessions_in_use,
)
from models.console_account import may
from models.run import database_now
from models.session import for_writing

COOKIE = "splashdown_session"
OPEN = "open_to_all"  # the attribute of a view that needs no login

F = TypeVar("F", bound=Callable[..., Any])


def init(app: Flask) -> None:
    """Let each request of the application have a person, except views that are ``open_to_all``."""
    app.before_request(_identify)


def this_person() -> Person | None:
    """Return who makes this request; None if nobody is logged in."""
    return cast("Person | None", g.get("person"))


def person() -> Person:
    """Return who makes this request, in a view that needs a login."""
    found = this_person()
    assert found is not None
    return found


def is_api() -> bool:
    """Return whether this request is one to the API, which answers with JSON."""
    return request.path.startswith("/api/")


def open_to_all(view: F) -> F:
    """Mark a view that needs no login."""
    setattr(view, OPEN, True)
    return view


def is_open_to_all() -> bool:
    """Return whether the view of this request needs no login."""
    return bool(getattr(current_app.view_functions.get(request.endpoint or ""), OPEN, False))


def needs(role: str) -> Callable[[F], F]:
    """Let only persons with this role, or a higher one, use a view: HTTP 403 for others."""

    def decorate(view: F) -> F:
        @wraps(view)
        def checked(*args: Any, **kwargs: Any) -> Any:
            if not may(person().role, role):
                abort(403, f"this needs the role {role}, and you have {person().role}")
            return view(*args, **kwargs)

        return cast(F, checked)

    return decorate


def csrf_token(cookie: str) -> str:
    """Return the token that each form of a session has. Another site cannot know it: it cannot read the cookie."""
    return hmac.new(cookie.encode(), b"csrf", hashlib.sha256).hexdigest()


def roles_of_viewers(app: Flask, engine: Engine) -> Callable[[Collection[str]], Mapping[str, str]]:
    """Return a function that returns the role of each cookie whose session is not over, outside a request.

    A page that is open and shown is a use of its session.
    """
    idle, age = app.config["SESSION_IDLE"], app.config["SESSION_AGE"]

    def roles(cookies: Collection[str]) -> Mapping[str, str]:
        with Session(engine) as session:
            at = database_now(session)
            found = sessions_in_use(session, cookies, at, idle=idle, age=age)
        used = [cookie for cookie, (_, store_use) in found.items() if store_use]
        if used:
            with sessionmaker(for_writing(engine)).begin() as session:
                for cookie in used:
                    note_use(session, at, cookie=cookie)
        return {cookie: role for cookie, (role, _) in found.items()}

    return roles


def _identify() -> Response | None:
    g.person = None
    view = current_app.view_functions.get(request.endpoint or "")
    if view is None or request.endpoint == "static":  # a file of ours, or no such page
        return None
    found, cookie, token = None, request.cookies.get(COOKIE), _bearer()
    if token is not None:
        if is_api():
            found = person_of_token(reading(), token, now())
    elif cookie:
        config = current_app.config
        found = person_of_cookie(
            reading(), cookie, now(), idle=config["SESSION_IDLE"], age=config["SESSION_AGE"]
        )
    if found is not None:
        g.person, store_use = found
        if store_use:
            with writing() as session:
                note_use(session, now(), cookie=None if token else cookie, token=token)
        return None
    if is_open_to_all():
        return None
    if is_api():
        abort(401, "log in, or send a token: Authorization: Bearer sdt_...")
    if request.headers.get("HX-Request"):  # a part of a page: the whole page shall show the login
        return Response(status=204, headers={"HX-Redirect": url_for("login.form")})
    wanted = request.full_path.rstrip("?") if request.method == "GET" else None
    return cast(Response, redirect(url_for("login.form", next=wanted)))


def _bearer() -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip().startswith(TOKEN_PREFIX) else None
