"""The Splash part of a snapshot: the request's options and the answer, and the response that is made from them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from scrapy import Request
from scrapy.http import Response

from crawler.security.page_redaction import is_credential, url_to_keep, without_credentials
from crawler.splash.page_endpoint import SCRIPT_OPTIONS
from crawler.splash.request_mapping import is_rendered

HTML = "html"  # the key of a script's answer that has the page
SCREENSHOT = "screenshot"  # the key that has a picture of the page, in base64


def meta_for_snapshot(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request's ``meta`` without the credentials in its Splash options."""
    if "splash" not in meta:
        return dict(meta)
    return {**meta, "splash": _without_credentials(meta["splash"])}


def _without_credentials(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return Splash options without credentials, bodies and forms."""
    args = {
        name: value
        for name, value in options.get("args", {}).items()
        if name not in ("body", "formdata") and not is_credential(name)
    }
    if isinstance(args.get("headers"), Mapping):
        args["headers"] = {name: value for name, value in args["headers"].items() if not is_credential(name)}
    else:
        args.pop("headers", None)
    if isinstance(args.get("url"), str):
        args["url"] = url_to_keep(args["url"])
    kept = {**options, "args": args}
    if SCRIPT_OPTIONS in options:
        kept[SCRIPT_OPTIONS] = _without_credentials(options[SCRIPT_OPTIONS])
    return kept


def saved_answer(response: Response) -> dict[str, Any] | None:
    """Return the script's answer (``response.data``) without cookies, and without the page if it is the body.

    Return None for a response without ``data``.
    """
    try:
        data = getattr(response, "data", None)
    except ValueError:  # no JSON: the error page of a proxy
        return None
    if data is None:
        return None
    of_page = isinstance(data, dict) and isinstance(data.get(HTML), str) and data[HTML] == _text(response)
    if isinstance(data, dict):
        left_out = (SCREENSHOT, HTML) if of_page else (SCREENSHOT,)
        data = {name: value for name, value in data.items() if name not in left_out}
    return {"data": without_credentials(data, texts=False), "page_is_body": of_page}


def has_splash_class(class_name: str, request: Request) -> bool:
    """Return whether a response of this class to this request has to be made by ``rebuild_response``."""
    return is_rendered(request) and class_name.startswith("scrapy_splash.")


def rebuild_response(
    kind: Any, fields: Mapping[str, Any], request: Request, answer: Mapping[str, Any] | None
) -> Response:
    """Return a response of a Splash class, with ``data`` if the first one had it.

    Args:
        kind: a class of ``scrapy_splash.response``.
        fields: the arguments of ``Response``, without the request.
        answer: from ``saved_answer``.
    """
    # The fields have the page's URL, status and headers already: the response must not read them from the body.
    options = {**copy.deepcopy(request.meta.get("splash", {})), "magic_response": False}
    plain = request.replace(meta={**request.meta, "splash": options})
    made: Any = kind(**fields, request=plain, real_url=fields["url"])
    made.request = request
    if answer is not None:
        data = copy.deepcopy(answer["data"])
        made._cached_data = {**data, HTML: made.text} if answer["page_is_body"] else data
    return made  # type: ignore[no-any-return]


def _text(response: Response) -> str | None:
    try:
        return response.text
    except (AttributeError, UnicodeDecodeError):
        return None
