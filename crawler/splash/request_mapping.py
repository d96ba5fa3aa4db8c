"""The request for a page and the request to Splash that renders it: tells them apart, and converts one to the other.

scrapy-splash marks the request to Splash in its meta. Spiders copy that meta (``meta=response.meta``) or the whole
request (``response.request.replace(url=...)``) for their next page. Without this module such a copy takes the mark,
Splash's credentials and the permission to ignore robots.txt to the site.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from scrapy import Request

from crawler.meta_keys import RENDERER_FAILURES, SAVED_ARGUMENTS_LOST, SPLASH_PROCESSED, SPLASH_SENT
from crawler.splash.page_endpoint import restore_script

# Keys of meta["splash"].
SESSION_COOKIES = "_session_cookies"  # args["cookies"] is from the session's jar
TURN = "_turn"  # the middleware chose splash_url, and not the spider

# The page's own request has passed the off-site filter and robots.txt, and Splash's URL is no page. The page's cookies
# are an argument. A redirect would send the page's cookies and Splash's password to another server.
META = {"dont_obey_robotstxt": True, "allow_offsite": True, "dont_merge_cookies": True, "dont_redirect": True}

# Keys that the request to Splash gets in its meta after mark_splash_request.
SET_LATER = (
    "download_latency",
    "retry_times",
    *(key.name for key in (SPLASH_PROCESSED, SPLASH_SENT, RENDERER_FAILURES, SAVED_ARGUMENTS_LOST)),
)


def is_rendered(request: Request) -> bool:
    """Return whether the request has Splash options: a page's request that Splash renders, or a request to Splash."""
    return "splash" in request.meta


def rendered_url(request: Request) -> str | None:
    """Return the URL that the renderer is asked to load; None if the request names none in its Splash arguments."""
    options = request.meta.get("splash")
    args = options.get("args") if isinstance(options, dict) else None
    url = args.get("url") if isinstance(args, dict) else None
    return url if isinstance(url, str) else None


def page_url(request: Request) -> str:
    """Return the URL of the page that the request is for, also if it is a request to Splash."""
    url = (
        rendered_url(request) or SPLASH_SENT.get(request, {}).get("page")
        if is_splash_request(request)
        else None
    )
    return url or request.url


def is_splash_request(request: Request) -> bool:
    """Return whether this is a request to Splash, and not a page's request with the meta of one."""
    if not SPLASH_PROCESSED.get(request) or not is_rendered(request):
        return False
    return bool(SPLASH_SENT.get(request, {}).get("to", request.url) == request.url)


def is_copy_of_splash_request(request: Request) -> bool:
    """Return whether a spider made this request for a page from the meta of a request to Splash."""
    return bool(SPLASH_PROCESSED.get(request)) and not is_splash_request(request)


def mark_splash_request(splash_request: Request, page: Request) -> None:
    """Note in a request to Splash which arguments, headers and meta keys ``page``, its page's request, has not."""
    splash_request.meta.update(META)
    old, new = page.meta["splash"].get("args", {}), splash_request.meta["splash"]["args"]
    splash_request.meta[SPLASH_SENT.name] = {
        "to": splash_request.url,
        "page": page.url,
        "priority": page.priority,
        "args": sorted(new.keys() - old.keys()),
        "headers": [_digest(values) for _, values in splash_request.headers.items()],
        "meta": sorted(name for name, value in splash_request.meta.items() if page.meta.get(name) != value),
    }


def restore_page_request(splash_request: Request) -> Request:
    """Return the page's request for a request to Splash, to be sent to the server whose turn is next.

    It has the counts of retries and failures; all else is as before the page's request became a request to Splash.
    """
    meta = splash_request.meta
    mark = meta[SPLASH_SENT.name]
    counted = {name: meta[name] for name in ("retry_times", RENDERER_FAILURES.name) if name in meta}
    page = rebuild_page_request(splash_request.replace(url=mark["page"]))
    options = page.meta["splash"]
    options["args"]["url"] = meta["splash"]["args"]["url"]
    return page.replace(
        meta={**page.meta, "splash": options, **counted}, priority=mark["priority"], dont_filter=True
    )


def page_args(options: Mapping[str, Any], added: list[str]) -> dict[str, Any]:
    """Return the arguments that the spider set, with fingerprints for the values of ``cache_args``.

    Args:
        added: the names of the arguments that the middlewares have added.
    """
    args = {**options.get("args", {}), **options.get("_local_arg_fingerprints", {})}
    return {name: args[name] for name in args if name not in (*added, "load_args", "save_args")}


def rebuild_page_request(copied: Request) -> Request:
    """Return a page's request for the URL of this copy of a request to Splash, rendered with the same options."""
    mark = SPLASH_SENT.get(copied, {})
    options = copy.deepcopy(copied.meta["splash"])
    args = options.get("args", {})
    headers = {
        name: values
        for name, values in copied.headers.items()
        if _digest(values) not in mark.get("headers", ())
    }
    fields: dict[str, Any] = {"headers": headers}
    if _is_splash_payload(copied, args):
        fields = {
            "method": args.get("http_method", "GET"),
            "body": args.get("body", ""),
            "headers": args.get("headers") or {},
        }
    options["args"] = page_args(options, mark.get("args", []))
    restore_script(options)
    options["args"]["url"] = copied.url
    if options.pop(TURN, False):
        options.pop("splash_url", None)
    if options.pop(SESSION_COOKIES, False):
        options["args"].pop("cookies", None)
    fingerprints = options.pop("_local_arg_fingerprints", {})
    if fingerprints:
        options["_replaced_args"] = list(fingerprints)
    own = {*mark.get("meta", ()), *SET_LATER}
    meta = {name: value for name, value in copied.meta.items() if name not in own}
    made: Request = copied.replace(meta={**meta, "splash": options}, **fields)
    return made


def _is_splash_payload(request: Request, args: Mapping[str, Any]) -> bool:
    """Return whether the request's body is the JSON that was sent to Splash, and not a body for the page."""
    try:
        return request.method == "POST" and bool(json.loads(request.body) == json.loads(json.dumps(args)))
    except ValueError:
        return False


def _digest(values: list[bytes]) -> str:
    """Return a hash of a header's values: meta may be logged or stored, and the header may be a password."""
    return hashlib.sha256(b"\0".join(values)).hexdigest()
