"""Accounts: who may log in, the sessions of browsers, the tokens of programs, and one-time links."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from console.security.passwords import digest, hash_password, is_password, new_token
from models.console_account import ADMIN, ROLES, ConsoleLink, ConsoleSession, ConsoleToken, ConsoleUser

LINK_AGE = timedelta(hours=24)
TOKEN_PREFIX = "sdt_"  # noqa: S105 - so that a token is recognised where it must not be
USED_EVERY = timedelta(minutes=1)  # so often at most the use of a session or token is stored
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}")


@dataclass(frozen=True, kw_only=True)
class Person:
    """Who makes a request: a person with a browser, or a program with a token of that person."""

    id: int
    name: str
    role: str
    timezone: str | None = None
    token_name: str | None = None  # of the API token
    cookie: str | None = None  # the session's; None for a token

    @property
    def actor(self) -> str:
        """Return the name for orders and the list of actions."""
        return f"{self.name} (token {self.token_name})" if self.token_name else self.name


class WrongLink(Exception):
    """The one-time link is unknown, used or too old."""


class NameTaken(ValueError):
    """Another account has this name."""


class WrongName(ValueError):
    """The name of an account has other characters than those that are allowed."""


def log_in(session: Session, name: str, password: str) -> ConsoleUser | None:
    """Return the account with this name and password; None if there is none."""
    user = session.scalar(select(ConsoleUser).where(ConsoleUser.name == name[:100]))
    known = user is not None and user.disabled_at is None
    right = is_password(user.password if user is not None and known else None, password)
    return user if right else None


def begin_session(session: Session, user: ConsoleUser, address: str, now: datetime) -> str:
    """Insert a session of an account and return its cookie."""
    cookie = new_token()
    session.add(
        ConsoleSession(cookie=digest(cookie), user_id=user.id, created_at=now, used_at=now, address=address)
    )
    session.flush()
    return cookie


def person_of_cookie(
    session: Session, cookie: str, now: datetime, *, idle: timedelta, age: timedelta
) -> tuple[Person, bool] | None:
    """Return who has this session, and whether its use should be stored; None if it is unknown or over."""
    row = session.execute(
        select(ConsoleSession.created_at, ConsoleSession.used_at, ConsoleUser)
        .join(ConsoleUser, ConsoleUser.id == ConsoleSession.user_id)
        .where(ConsoleSession.cookie == digest(cookie), ConsoleUser.disabled_at.is_(None))
    ).one_or_none()
    if row is None or now - row.used_at > idle or now - row.created_at > age:
        return None
    user = row.ConsoleUser
    person = Person(id=user.id, name=user.name, role=user.role, timezone=user.timezone, cookie=cookie)
    return person, now - row.used_at > USED_EVERY


def sessions_in_use(
    session: Session, cookies: Collection[str], now: datetime, *, idle: timedelta, age: timedelta
) -> dict[str, tuple[str, bool]]:
    """Return the role of each cookie whose session is not over, and whether its use should be stored."""
    by_digest = {digest(cookie): cookie for cookie in cookies}
    rows = session.execute(
        select(ConsoleSession.cookie, ConsoleSession.used_at, ConsoleUser.role)
        .join(ConsoleUser, ConsoleUser.id == ConsoleSession.user_id)
        .where(
            ConsoleSession.cookie.in_(by_digest),
            ConsoleSession.used_at >= now - idle,
            ConsoleSession.created_at >= now - age,
            ConsoleUser.disabled_at.is_(None),
        )
    )
    return {by_digest[stored]: (role, now - used_at > USED_EVERY) for stored, used_at, role in rows}


def person_of_token(session: Session, token: str, now: datetime) -> tuple[Person, bool] | None:
    """Return whose token this is, and whether its use should be stored; None if it is unknown or over.

    The role is the lower one of the token and its person.
    """
    row = session.execute(
        select(ConsoleToken, ConsoleUser)
        .join(ConsoleUser, ConsoleUser.id == ConsoleToken.user_id)
        .where(
            ConsoleToken.token == digest(token),
            ConsoleToken.expires_at > now,
            ConsoleUser.disabled_at.is_(None),
        )
    ).one_or_none()
    if row is None:
        return None
    stored, user = row.ConsoleToken, row.ConsoleUser
    role = min(stored.role, user.role, key=ROLES.index)
    person = Person(id=user.id, name=user.name, role=role, timezone=user.timezone, token_name=stored.name)
    return person, stored.used_at is None or now - stored.used_at > USED_EVERY


def note_use(session: Session, now: datetime, *, cookie: str | None = None, token: str | None = None) -> None:
    """Store when a session or a token was used."""
    if cookie is not None:
        session.execute(
            update(ConsoleSession).where(ConsoleSession.cookie == digest(cookie)).values(used_at=now)
        )
    if token is not None:
        session.execute(update(ConsoleToken).where(ConsoleToken.token == digest(token)).values(used_at=now))


def end_session(session: Session, cookie: str) -> None:
    """Delete a session."""
    session.execute(delete(ConsoleSession).where(ConsoleSession.cookie == digest(cookie)))


def end_old_sessions(session: Session, now: datetime, *, idle: timedelta, age: timedelta) -> None:
    """Delete the sessions and links that are over."""
    session.execute(
        delete(ConsoleSession).where(
            (ConsoleSession.used_at < now - idle) | (ConsoleSession.created_at < now - age)
        )
    )
    session.execute(delete(ConsoleLink).where(ConsoleLink.expires_at < now))


def end_access(session: Session, user_id: int, *, except_cookie: str | None = None) -> list[str]:
    """Delete the sessions and API tokens of an account whose password is new; return the names of the tokens.

    Args:
        except_cookie: the cookie of the session that stays.
    """
    of_user = ConsoleSession.user_id == user_id
    if except_cookie is not None:
        of_user &= ConsoleSession.cookie != digest(except_cookie)
    session.execute(delete(ConsoleSession).where(of_user))
    tokens = ConsoleToken.user_id == user_id
    names = session.scalars(select(ConsoleToken.name).where(tokens).order_by(ConsoleToken.id)).all()
    session.execute(delete(ConsoleToken).where(tokens))
    return list(names)


def has_accounts(session: Session) -> bool:
    """Return whether an admin can log in."""
    query = select(ConsoleUser.id).where(
        ConsoleUser.role == ADMIN, ConsoleUser.password.is_not(None), ConsoleUser.disabled_at.is_(None)
    )
    return session.scalar(query.limit(1)) is not None


def make_link(session: Session, now: datetime, *, role: str, user_id: int | None = None) -> str:
    """Insert a link that works once and return its token.

    Args:
        role: of the account that it makes.
        user_id: the account whose password it sets; None: it makes an account.
    """
    token = new_token()
    session.add(ConsoleLink(token=digest(token), user_id=user_id, role=role, expires_at=now + LINK_AGE))
    session.flush()
    return token


def link_of(session: Session, token: str, now: datetime) -> ConsoleLink:
    """Return the link with this token.

    Raises:
        WrongLink: there is none, or it is too old.
    """
    link = session.scalar(
        select(ConsoleLink).where(ConsoleLink.token == digest(token), ConsoleLink.expires_at > now)
    )
    if link is None:
        raise WrongLink
    return link


def use_link(
    session: Session, token: str, name: str, password: str, now: datetime
) -> tuple[ConsoleUser, list[str]]:
    """Make the account of a link, or set the password of its account, and delete the link.

    With a new password the sessions and API tokens of the account end. Return the account and the names of these
    tokens.

    Raises:
        WrongLink: the link is unknown, used or too old.
        NameTaken, WrongName: another account has the name; the name has other characters.
        WeakPassword: the password is too short or too long.
    """
    link = link_of(session, token, now)
    hashed = hash_password(password)
    user_id, role = link.user_id, link.role
    deleted = session.execute(delete(ConsoleLink).where(ConsoleLink.token == digest(token)))
    if deleted.rowcount != 1:  # type: ignore[attr-defined]
        raise WrongLink
    if user_id is not None:
        user = session.get_one(ConsoleUser, user_id)
        user.password = hashed
        session.flush()
        return user, end_access(session, user_id)
    return add_user(session, name, role, now, password=hashed), []


def add_user(
    session: Session, name: str, role: str, now: datetime, *, password: str | None = None
) -> ConsoleUser:
    """Insert an account and return it.

    Args:
        password: its hash; None: a link sets it.

    Raises:
        NameTaken, WrongName: another account has the name; the name has other characters.
    """
    if not NAME.fullmatch(name):
        raise WrongName("a name has letters, digits and . _ @ + -, and begins with a letter or a digit")
    user = ConsoleUser(name=name, password=password, role=role, created_at=now)
    try:
        with session.begin_nested():
            session.add(user)
    except IntegrityError:
        raise NameTaken(f"there is an account {name} already") from None
    return user
