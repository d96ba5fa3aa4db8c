"""The handlers of errors: a page for a browser, ``application/problem+json`` for the API."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import Any

from apiflask import APIFlask
from apiflask.exceptions import HTTPError
from flask import Response, make_response, render_template, request
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, InternalServerError, SecurityError

from console.database import LONGEST_QUERY, end_reading
from console.security.identity import is_api
from models.error_text import error_line

logger = logging.getLogger("splashdown.console")

RETRY_AFTER = 5  # seconds until the page of a lost database loads itself again
TOO_LONG = ("57014", 1969, 3024)  # a query that the server ended: PostgreSQL, MariaDB, MySQL


def init(app: APIFlask) -> None:
    """Handle the errors of all views."""
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(HTTPError, _invalid)
    app.register_error_handler(SQLAlchemyError, _database)
    app.register_error_handler(Exception, _unexpected)


def answer(status: int, message: str, *, details: Any = None, retry: int | None = None) -> Response:
    """Return the response for an error.

    Args:
        details: the faults of single fields, for the API.
        retry: seconds after which the same request may succeed.
    """
    title = HTTPStatus(status).phrase
    if is_api():
        problem = {"type": "about:blank", "title": title, "status": status, "detail": message}
        if details:
            problem["errors"] = details
        response = make_response(json.dumps(problem), status)
        response.content_type = "application/problem+json"
    elif request.headers.get("HX-Request"):
        response = make_response(render_template("error_part.html", message=message), status)
    else:
        page = render_template("error.html", status=status, title=title, message=message, retry=retry)
        response = make_response(page, status)
    if retry is not None:
        response.headers["Retry-After"] = str(retry)
    return response


def _http(error: HTTPException) -> Response:
    if error.code is None or error.code < 400:  # a redirect of the router
        return error.get_response()  # type: ignore[return-value]
    if isinstance(error, SecurityError):  # another Host: no URL of a page can be made
        return Response(
            "This console does not answer to this host name: CONSOLE_HOSTS names it.\n",
            400,
            mimetype="text/plain",
        )
    if isinstance(error, InternalServerError) and error.original_exception is not None:
        return _unexpected(error.original_exception)
    response = answer(error.code, error.description or "", retry=getattr(error, "retry_after", None))
    for name, value in error.get_headers():
        if name.lower() in ("allow", "www-authenticate"):
            response.headers[name] = value
    return response


def _invalid(error: HTTPError) -> Response:
    return answer(error.status_code, str(error.message), details=error.detail or None)


def _database(error: SQLAlchemyError) -> Response:
    end_reading()
    if is_too_long(error):
        return answer(
            503, f"the database needed more than {LONGEST_QUERY} seconds for this: use a narrower filter"
        )
    if isinstance(error, OperationalError | InterfaceError | PoolTimeout) or (
        isinstance(error, DBAPIError) and error.connection_invalidated
    ):
        logger.warning("the database does not answer: %s", error_line(error))
        return answer(
            503, "The database does not answer. This page tries again by itself.", retry=RETRY_AFTER
        )
    return _unexpected(error)


def is_too_long(error: SQLAlchemyError) -> bool:
    """Return whether the server ended a query because it took too long."""
    cause: Any = getattr(error, "orig", None)
    if cause is None:
        return False
    return getattr(cause, "sqlstate", None) in TOO_LONG or (cause.args[:1] or (None,))[0] in TOO_LONG


def _unexpected(error: BaseException) -> Response:
    logger.error("%s %s failed", request.method, request.path, exc_info=error)
    return answer(500, "This is a fault of the console. Its log has the details.")
