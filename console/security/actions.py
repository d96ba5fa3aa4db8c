"""The list of actions: who did what, from where, and whether it succeeded."""

from __future__ import annotations

from collections.abc import Sequence

from flask import request
from sqlalchemy.orm import Session

from console.security.identity import this_person
from models.console_action import ConsoleAction
from models.run import database_now


def note_ended_tokens(session: Session, names: Sequence[str], *, actor: str | None = None) -> None:
    """Insert into the list that API tokens ended with the password of their account, if there were any.

    Args:
        names: of the tokens.
        actor: the name, if nobody is logged in.
    """
    if names:
        note_action(session, "end tokens", f"{', '.join(names)} (new password)", actor=actor)


def note_action(
    session: Session,
    action: str,
    target: str | None = None,
    *,
    succeeded: bool = True,
    actor: str | None = None,
) -> None:
    """Insert an action of this request into the list.

    Args:
        actor: the name, if nobody is logged in.
    """
    person = this_person()
    session.add(
        ConsoleAction(
            at=database_now(session),
            actor=person.actor if person is not None else actor,
            address=request.remote_addr,
            action=action,
            target=target,
            succeeded=succeeded,
        )
    )
