"""The accounts of the console: people, the sessions of their browsers, tokens of programs, and one-time links.

Only hashes of passwords, cookies, tokens and links are stored.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base
from models.types import Digest, ExactString, FreeString, UtcDateTime

VIEWER, OPERATOR, ADMIN = ROLES = ("viewer", "operator", "admin")  # each may do what those before it may do


def may(role: str, needed: str) -> bool:
    """Return whether a person with this role may do what needs the other role."""
    return ROLES.index(role) >= ROLES.index(needed)


class ConsoleUser(Base):
    """A person who may use the console."""

    __tablename__ = "console_user"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(ExactString(100), unique=True)
    password: Mapped[str | None] = mapped_column(ExactString(255))  # argon2's hash; NULL: not set yet
    role: Mapped[str] = mapped_column(ExactString(10))
    timezone: Mapped[str | None] = mapped_column(FreeString(64))  # NULL: that of the browser
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ConsoleSession(Base):
    """A browser in which a person has logged in."""

    __tablename__ = "console_session"

    cookie: Mapped[bytes] = mapped_column(Digest(32), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("console_user.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime] = mapped_column(UtcDateTime)
    address: Mapped[str | None] = mapped_column(FreeString(45))


class ConsoleToken(Base):
    """A token with which a program uses the API."""

    __tablename__ = "console_token"

    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[bytes] = mapped_column(Digest(32), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("console_user.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(FreeString(100))
    role: Mapped[str] = mapped_column(ExactString(10))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ConsoleLink(Base):
    """A link that works once: it makes an account, or sets the password of an account."""

    __tablename__ = "console_link"

    token: Mapped[bytes] = mapped_column(Digest(32), primary_key=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("console_user.id", ondelete="CASCADE"), index=True)
    role: Mapped[str] = mapped_column(ExactString(10))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class LoginFailure(Base):
    """Failed logins with one name, or from one address. ``subject`` is a hash of either."""

    __tablename__ = "console_login_failure"

    subject: Mapped[bytes] = mapped_column(Digest(32), primary_key=True)
    failures: Mapped[int]
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
