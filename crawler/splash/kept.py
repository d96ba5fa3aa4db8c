"""An answer of Splash as it is kept with its page, and made again from that without asking Splash."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from scrapy import Request
from scrapy.http import Response

from crawler.credentials import may_be_secret, without_credentials
from crawler.splash.credentials import without_userinfo

PAGE = "html"  # the part of a script's answer that is the page itself


def options_to_keep(options: Mapping[str, Any]) -> dict[str, Any]:
    """A request's Splash options, without what may let one in somewhere."""
    args = {
        name: value
        for name, value in options.get("args", {}).items()
        if name not in ("body", "formdata") and not may_be_secret(name)
    }
    if isinstance(args.get("headers"), Mapping):
        args["headers"] = {name: value for name, value in args["headers"].items() if not may_be_secret(name)}
    else:
        args.pop("headers", None)
    if isinstance(args.get("url"), str):
        args["url"] = without_userinfo(args["url"])[0]
    return {**options, "args": args}


def answer_of(response: Response) -> dict[str, Any] | None:
    """What the script gave (``response.data``), without cookies, and without the page where that is the body.

    None where the response has no such thing.
    """
    try:
        data = getattr(response, "data", None)
    except ValueError:  # no JSON: a proxy's error page
        return None
    if data is None:
        return None
    of_page = isinstance(data, dict) and isinstance(data.get(PAGE), str) and data[PAGE] == _text(response)
    if of_page:
        data = {name: value for name, value in data.items() if name != PAGE}
    return {"data": without_credentials(data), "page_is_body": of_page}


def make_again(
    kind: Any, fields: Mapping[str, Any], request: Request, answer: Mapping[str, Any] | None
) -> Response:
    """The response of a Splash class, with ``data`` where it had some.

    Args:
        kind: a class of ``scrapy_splash.response``.
        fields: what ``Response`` takes, without the request.
    """
    # Its URL, status and headers are the page's already: it must not look for them in the body.
    options = {**copy.deepcopy(request.meta.get("splash", {})), "magic_response": False}
    plain = request.replace(meta={**request.meta, "splash": options})
    made: Any = kind(**fields, request=plain, real_url=fields["url"])
    made.request = request
    if answer is not None:
        data = copy.deepcopy(answer["data"])
        made._cached_data = {**data, PAGE: made.text} if answer["page_is_body"] else data
    return made  # type: ignore[no-any-return]


def _text(response: Response) -> str | None:
    try:
        return response.text
    except (AttributeError, UnicodeDecodeError):
        return None
