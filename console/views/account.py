"""The own account: the password, and tokens for programs."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, abort, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from console.database import now, reading, writing
from console.security.accounts import TOKEN_PREFIX, end_access
from console.security.actions import note_action, note_ended_tokens
from console.security.identity import person
from console.security.login_limit import few_at_once, forget_failures, note_failure, seconds_to_wait
from console.security.passwords import SHORTEST, WeakPassword, digest, hash_password, is_password, new_token
from models.console_account import ROLES, ConsoleToken, ConsoleUser, may

blueprint = Blueprint("account", __name__, url_prefix="/account")

LONGEST_TOKEN_AGE = 366  # days


@blueprint.get("/")
def page(message: str = "", token: str = "") -> str:
    tokens = reading().scalars(
        select(ConsoleToken).where(ConsoleToken.user_id == person().id).order_by(ConsoleToken.id)
    )
    roles = [role for role in ROLES if may(person().role, role)]
    return render_template(
        "account.html", tokens=tokens.all(), roles=roles, message=message, token=token, shortest=SHORTEST
    )


@blueprint.post("/password")
@few_at_once
def change_password() -> tuple[str, int] | Response:
    old, new = request.form.get("old", ""), request.form.get("new", "")
    name, address = person().name, request.remote_addr or ""
    if new != request.form.get("again", ""):
        return page(message="The two new passwords differ."), 400
    try:
        hashed = hash_password(new)
    except WeakPassword as error:
        return page(message=str(error)), 400
    with writing() as session:
        # Who has stolen this session guesses here no faster than at the login.
        wait = seconds_to_wait(session, name, address, now())
        user = session.get_one(ConsoleUser, person().id)
        right = not wait and is_password(user.password, old)
        if right:
            forget_failures(session, name, address)
            user.password = hashed
            # Who has stolen the session of another browser, or a token, is out now.
            note_ended_tokens(session, end_access(session, user.id, except_cookie=person().cookie))
        elif not wait:
            note_failure(session, name, address, now())
        note_action(session, "change password", "too many failures" if wait else None, succeeded=right)
    if wait:
        return page(message=f"Too many wrong passwords. Try again in {wait} seconds."), 429
    return redirect(url_for("account.page")) if right else (page(message="The old password is wrong."), 400)


@blueprint.post("/tokens")
def make_token() -> tuple[str, int] | str:
    if person().cookie is None:
        abort(403, "a token cannot make tokens: log in")
    name, role = request.form.get("name", "").strip()[:100], request.form.get("role", "")
    days = request.form.get("days", 90, type=int)
    if not name or role not in ROLES or not may(person().role, role):
        return page(message="A token needs a name, and a role that you have yourself."), 400
    token = new_token(TOKEN_PREFIX)
    with writing() as session:
        session.add(
            ConsoleToken(
                token=digest(token),
                user_id=person().id,
                name=name,
                role=role,
                created_at=now(),
                expires_at=now() + timedelta(days=min(max(days, 1), LONGEST_TOKEN_AGE)),
            )
        )
        note_action(session, "make token", f"{name} ({role})")
    return page(token=token)


@blueprint.post("/tokens/<int:number>/delete")
def delete_token(number: int) -> Response:
    with writing() as session:
        mine = ConsoleToken.id == number, ConsoleToken.user_id == person().id
        found = session.scalar(select(ConsoleToken).where(*mine))
        if found is None:
            abort(404, "you have no such token")
        note_action(session, "delete token", found.name)
        session.delete(found)
    return redirect(url_for("account.page"))
