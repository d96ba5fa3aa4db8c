"""The API's OpenAPI document, and who calls."""

from __future__ import annotations

import warnings
from typing import Any

from apiflask import APIBlueprint, APIFlask, Schema, fields
from flask import current_app, request

from console.security.identity import COOKIE, person

blueprint = APIBlueprint("api_document", __name__, tag="you")

VERSION = "3.1.0"
PROBLEM = "Problem"
SECURITY: list[dict[str, list[str]]] = [{"token": []}, {"session": [], "form": []}]
# The errors of each operation, and those that only an operation has that changes something.
ERRORS = {
    "400": "An argument, the body or the place in a list is wrong",
    "401": "No login and no token, or one that is over",
    "403": "The role is too low, or the CSRF token is missing",
    "404": "There is no such thing",
    "503": "The database does not answer, or a query took too long; `Retry-After` says when to try again",
}
ERRORS_OF_CHANGES = {
    "409": "This makes no sense now; `detail` says why",
    "413": "The body is too large",
    "415": "The body is no JSON",
}


class MeOut(Schema):
    """Who makes this request."""

    name = fields.String(required=True)
    role = fields.String(required=True, metadata={"enum": ["viewer", "operator", "admin"]})
    timezone = fields.String(required=True, allow_none=True)
    token_name = fields.String(
        required=True, allow_none=True, metadata={"description": "null: a session of a browser"}
    )


def init(app: APIFlask) -> None:
    """Let the application make the document."""
    app.config.update(
        OPENAPI_VERSION=VERSION,
        AUTO_SERVERS=False,
        AUTO_VALIDATION_ERROR_RESPONSE=False,
        AUTO_AUTH_ERROR_RESPONSE=False,
        AUTO_404_RESPONSE=False,
        VALIDATION_ERROR_STATUS_CODE=400,
        AUTO_OPERATION_ID=True,
    )
    app.description = "What the pages of the console show and do, for programs."
    app.spec_processor(complete)


def complete(document: Any) -> Any:
    """Return the document with the ways to log in, and with the errors of each operation."""
    components = document.setdefault("components", {})
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "a token of Account: sdt_..."},
        "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
        "form": {
            "type": "apiKey",
            "in": "header",
            "name": "X-CSRF-Token",
            "description": "with a session, for all that changes something",
        },
    }
    components.setdefault("schemas", {})[PROBLEM] = {
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "errors": {"type": "object", "description": "the faults of single fields"},
        },
    }
    content = {"application/problem+json": {"schema": {"$ref": f"#/components/schemas/{PROBLEM}"}}}
    for path in document["paths"].values():
        for method, operation in path.items():
            if method == "parameters":
                continue
            reading = method == "get"
            operation["security"] = [{"token": []}, {"session": []}] if reading else SECURITY
            for status, text in (ERRORS if reading else ERRORS | ERRORS_OF_CHANGES).items():
                operation["responses"].setdefault(status, {"description": text, "content": content})
    return document


@blueprint.get("/openapi.json")
@blueprint.doc(hide=True)
def document() -> Any:
    """Return the OpenAPI document."""
    app = current_app
    assert isinstance(app, APIFlask)
    with warnings.catch_warnings():  # of a schema that a list and a single answer have
        warnings.filterwarnings("ignore", message=".*already been added to the spec")
        found = app._get_spec()  # made once
    assert isinstance(found, dict)
    return found | {"servers": [{"url": request.root_path or "/"}]}


@blueprint.get("/me")
@blueprint.output(MeOut)
def me() -> Any:
    """Return who makes this request, and the role."""
    return person()
