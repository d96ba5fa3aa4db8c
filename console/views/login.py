"""Logging in and out, and the one-time links that make accounts and set passwords."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Blueprint, abort, current_app, make_response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from console.database import now, reading, writing
from console.security.accounts import (
    NameTaken,
    WrongLink,
    WrongName,
    begin_session,
    end_old_sessions,
    end_session,
    link_of,
    log_in,
    use_link,
)
from console.security.actions import note_action, note_ended_tokens
from console.security.identity import COOKIE, open_to_all, person, this_person
from console.security.login_limit import few_at_once, forget_failures, note_failure, seconds_to_wait
from console.security.passwords import SHORTEST, WeakPassword
from models.console_account import ConsoleUser

blueprint = Blueprint("login", __name__)


@blueprint.get("/login")
@open_to_all
def form() -> Response | str:
    if this_person() is not None:
        return redirect(url_for("today.page"))
    return render_template("login.html", next=local_path(request.args.get("next")))


@blueprint.post("/login")
@open_to_all
@few_at_once
def submit() -> Response:
    name, password = request.form.get("name", "").strip(), request.form.get("password", "")
    address, wanted = request.remote_addr or "", local_path(request.form.get("next"))
    with writing() as session:
        wait = seconds_to_wait(session, name, address, now())
        user = log_in(session, name, password) if not wait else None
        if user is None:
            if not wait:
                note_failure(session, name, address, now())
            note_action(
                session, "log in", "too many failures" if wait else None, succeeded=False, actor=name[:100]
            )
        else:
            forget_failures(session, name, address)
            cookie = _begin(session, user)
    if user is not None:
        return logged_in(cookie, wanted)
    message = "The name or the password is wrong."
    if wait:
        message = f"Too many failed logins. Try again in {wait} seconds."
    response = make_response(
        render_template("login.html", next=wanted, name=name, message=message), 429 if wait else 401
    )
    if wait:
        response.headers["Retry-After"] = str(wait)
    return response


@blueprint.post("/logout")
def log_out() -> Response:
    cookie = person().cookie
    if cookie is not None:
        with writing() as session:
            end_session(session, cookie)
            note_action(session, "log out")
    response = redirect(url_for("login.form"))
    response.delete_cookie(COOKIE, path=_path())
    return response


@blueprint.get("/link/<token>")
@open_to_all
def link(token: str) -> str:
    try:
        found = link_of(reading(), token, now())
    except WrongLink:
        abort(404, "This link was used, or it is too old. Ask for a new one: scrapy console --link")
    user = reading().get(ConsoleUser, found.user_id) if found.user_id is not None else None
    return render_template("link.html", token=token, user=user, role=found.role, shortest=SHORTEST)


@blueprint.post("/link/<token>")
@open_to_all
@few_at_once
def use(token: str) -> Response:
    name, password = request.form.get("name", "").strip(), request.form.get("password", "")
    try:
        with writing() as session:
            if password != request.form.get("again", ""):
                raise WeakPassword("The two passwords differ.")
            user, tokens = use_link(session, token, name, password, now())
            note_action(session, "use link", user.role, actor=user.name)
            note_ended_tokens(session, tokens, actor=user.name)
            cookie = _begin(session, user)
    except WrongLink:
        abort(404, "This link was used, or it is too old. Ask for a new one: scrapy console --link")
    except (NameTaken, WrongName, WeakPassword) as error:
        found = link_of(reading(), token, now())
        known = reading().get(ConsoleUser, found.user_id) if found.user_id is not None else None
        page = render_template(
            "link.html",
            token=token,
            user=known,
            role=found.role,
            name=name,
            message=str(error),
            shortest=SHORTEST,
        )
        return make_response(page, 400)
    return logged_in(cookie, None)


def _begin(session: Session, user: ConsoleUser) -> str:
    """Begin a session for a person who has logged in, and delete those that are over."""
    config = current_app.config
    end_old_sessions(session, now(), idle=config["SESSION_IDLE"], age=config["SESSION_AGE"])
    cookie = begin_session(session, user, request.remote_addr or "", now())
    note_action(session, "log in", actor=user.name)
    return cookie


def logged_in(cookie: str, wanted: str | None) -> Response:
    """Return the redirect of a person who has logged in, with the cookie of the session."""
    response = redirect(wanted or url_for("today.page"))
    response.set_cookie(
        COOKIE,
        cookie,
        max_age=current_app.config["SESSION_AGE"],
        httponly=True,
        secure=request.is_secure,
        samesite="Lax",
        path=_path(),
    )
    return response


def _path() -> str:
    return request.root_path or "/"


def local_path(text: str | None) -> str | None:
    """Return the path if it leads to a page of the console, else None: no other site is a target after a login."""
    if (
        not text
        or not text.startswith("/")
        or text.startswith("//")
        or "\\" in text
        or not text.isprintable()
    ):
        return None
    parts = urlsplit(text)
    return text if not parts.scheme and not parts.netloc else None
