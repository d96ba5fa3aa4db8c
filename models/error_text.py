"""The text of an error on one line: for messages, logs and the reasons that a run stores."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError


def error_line(error: BaseException, *, with_type: bool = False) -> str:
    """Return what an error says, on one line. Secrets are still in it: ``models.redaction`` is the next step.

    For an error of the database, this is the text of the driver, without the statement.

    Args:
        with_type: begin with the name of the error's class. A driver's text has no need of it.
    """
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    text = " ".join(str(cause).split())
    if not text:
        return type(cause).__name__
    return f"{type(cause).__name__}: {text}" if with_type and not isinstance(error, DBAPIError) else text
