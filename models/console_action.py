"""Who did what in the console, and when."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Integer
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base
from models.types import ExactString, FreeString, FreeText, UtcDateTime


class ConsoleAction(Base):
    """Something that a person or a program did in the console, or tried to do.

    ``actor`` is a name, since accounts may be deleted.
    """

    __tablename__ = "console_action"

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor: Mapped[str | None] = mapped_column(FreeString(255))  # NULL: not logged in
    address: Mapped[str | None] = mapped_column(FreeString(45))
    action: Mapped[str] = mapped_column(ExactString(40))  # "log in", "order start", ...
    target: Mapped[str | None] = mapped_column(FreeText())
    succeeded: Mapped[bool]
