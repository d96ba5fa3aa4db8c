"""For admins: the accounts of people, and the list of actions."""

from __future__ import annotations

from flask import Blueprint, abort, redirect, render_template, request, url_for
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from console.database import now, reading, writing
from console.paging import asked_after, asked_size, listing
from console.security.accounts import NameTaken, WrongName, add_user, make_link
from console.security.actions import note_action
from console.security.identity import needs, person
from models.console_account import ADMIN, ROLES, ConsoleLink, ConsoleSession, ConsoleToken, ConsoleUser
from models.console_action import ConsoleAction

blueprint = Blueprint("people", __name__, url_prefix="/people")


@blueprint.get("/")
@needs(ADMIN)
def page(message: str = "", link: str = "", name: str = "") -> str:
    users = reading().scalars(select(ConsoleUser).order_by(ConsoleUser.name)).all()
    return render_template("people.html", users=users, roles=ROLES, message=message, link=link, name=name)


@blueprint.post("/")
@needs(ADMIN)
def invite() -> tuple[str, int] | str:
    name, role = request.form.get("name", "").strip(), request.form.get("role", "")
    if role not in ROLES:
        return page(message="Choose a role."), 400
    try:
        with writing() as session:
            user = add_user(session, name, role, now())
            link = make_link(session, now(), role=role, user_id=user.id)
            note_action(session, "invite", f"{name} ({role})")
    except (NameTaken, WrongName) as error:
        return page(message=str(error)), 400
    return page(link=url_for("login.link", token=link, _external=True), name=name)


@blueprint.post("/<int:number>/link")
@needs(ADMIN)
def new_link(number: int) -> str:
    with writing() as session:
        user = _user(session, number)
        session.execute(delete(ConsoleLink).where(ConsoleLink.user_id == number))
        link = make_link(session, now(), role=user.role, user_id=user.id)
        note_action(session, "new link", user.name)
        name = user.name
    return page(link=url_for("login.link", token=link, _external=True), name=name)


@blueprint.post("/<int:number>/role")
@needs(ADMIN)
def set_role(number: int) -> tuple[str, int] | Response:
    role = request.form.get("role", "")
    if role not in ROLES:
        return page(message="Choose a role."), 400
    with writing() as session:
        user = _user(session, number)
        if role != ADMIN and is_last_admin(session, user):
            return page(message=f"{user.name} is the last admin: make another one first."), 400
        user.role = role
        note_action(session, "set role", f"{user.name}: {role}")
    return redirect(url_for("people.page"))


@blueprint.post("/<int:number>/disable")
@needs(ADMIN)
def disable(number: int) -> tuple[str, int] | Response:
    with writing() as session:
        user = _user(session, number)
        if user.disabled_at is None:
            if is_last_admin(session, user) or user.id == person().id:
                return page(message="You cannot disable yourself, or the last admin."), 400
            user.disabled_at = now()
            session.execute(delete(ConsoleSession).where(ConsoleSession.user_id == number))
            session.execute(delete(ConsoleToken).where(ConsoleToken.user_id == number))
            note_action(session, "disable", user.name)
        else:
            user.disabled_at = None
            note_action(session, "enable", user.name)
    return redirect(url_for("people.page"))


@blueprint.get("/actions")
@needs(ADMIN)
def actions() -> str:
    size, after = asked_size(), asked_after(int)
    query = select(ConsoleAction).order_by(ConsoleAction.id.desc()).limit(size + 1)
    if after is not None:
        query = query.where(ConsoleAction.id < after[0])
    found = listing(reading().scalars(query).all(), size, lambda one: [one.id])
    return render_template("actions.html", actions=found)


def _user(session: Session, number: int) -> ConsoleUser:
    user = session.get(ConsoleUser, number)
    if user is None:
        abort(404, "there is no such account")
    return user


def is_last_admin(session: Session, user: ConsoleUser) -> bool:
    """Return whether no other admin can log in."""
    others = select(func.count()).where(
        ConsoleUser.role == ADMIN,
        ConsoleUser.id != user.id,
        ConsoleUser.disabled_at.is_(None),
        ConsoleUser.password.is_not(None),
    )
    return user.role == ADMIN and not session.scalar(others)
