"""A request for a page, and the request to Splash that it became: which is which, and back again.

scrapy-splash marks the second in its meta. People copy that meta (``meta=response.meta``) or the whole request
(``response.request.replace(url=...)``) for their next page; the mark, Splash's credentials and the leave to ignore
robots.txt then went with it, to the site.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from scrapy import Request

PROCESSED = "_splash_processed"  # scrapy-splash's own mark
SENT = "_splash_sent"  # ours: where to, and what was added on the way
SESSION_COOKIES = "_session_cookies"  # among the options: args["cookies"] came from the session's jar
TURN = "_turn"  # among the options: splash_url is the server whose turn it was, and no choice of the spider's

LOST = (
    "_splash_lost"  # in Request.meta: how often a renderer took the page with it, see crawler.splash.failover
)

# The page's own address has been through the filters for off-site links and robots.txt; Splash's is no page. Its
# cookies travel as an argument. A redirect would take the page's cookies and Splash's password to who knows where.
META = {"dont_obey_robotstxt": True, "allow_offsite": True, "dont_merge_cookies": True, "dont_redirect": True}

# What the request to Splash gets in its meta on its further way.
LATER = (PROCESSED, SENT, "download_latency", "retry_times", LOST, "_splash_498")


def is_sent(request: Request) -> bool:
    """Whether this is a request to Splash, and not one that has its meta from one."""
    if not request.meta.get(PROCESSED) or "splash" not in request.meta:
        return False
    return bool(request.meta.get(SENT, {}).get("to", request.url) == request.url)


def is_copied(request: Request) -> bool:
    return bool(request.meta.get(PROCESSED)) and not is_sent(request)


def mark_sent(sent: Request, page: Request) -> None:
    """Note in ``sent`` what it has that ``page``, from which it was made, did not have."""
    sent.meta.update(META)
    old, new = page.meta["splash"].get("args", {}), sent.meta["splash"]["args"]
    sent.meta[SENT] = {
        "to": sent.url,
        "page": page.url,
        "priority": page.priority,
        "args": sorted(new.keys() - old.keys()),
        "headers": [_digest(values) for _, values in sent.headers.items()],
        "meta": sorted(name for name, value in sent.meta.items() if page.meta.get(name) != value),
    }


def page_again(sent: Request) -> Request:
    """The request for the page that is not back, to be sent to whichever server's turn it is by then.

    What was counted stays with it; otherwise it is as it was before it became a request to a server.
    """
    mark = sent.meta[SENT]
    counted = {name: sent.meta[name] for name in ("retry_times", LOST) if name in sent.meta}
    page = anew(sent.replace(url=mark["page"]))
    options = page.meta["splash"]
    options["args"]["url"] = sent.meta["splash"]["args"]["url"]
    return page.replace(
        meta={**page.meta, "splash": options, **counted}, priority=mark["priority"], dont_filter=True
    )


def page_args(options: Mapping[str, Any], added: list[str]) -> dict[str, Any]:
    """The arguments that say what page it is about, without those that only say how it travels to Splash."""
    args = {**options.get("args", {}), **options.get("_local_arg_fingerprints", {})}
    return {name: args[name] for name in args if name not in (*added, "load_args", "save_args")}


def anew(copied: Request) -> Request:
    """A request for the page that a copied request is meant for, rendered like the one it was copied from."""
    mark = copied.meta.get(SENT, {})
    options = copy.deepcopy(copied.meta["splash"])
    args = options.get("args", {})
    headers = {
        name: values
        for name, values in copied.headers.items()
        if _digest(values) not in mark.get("headers", ())
    }
    fields: dict[str, Any] = {"headers": headers}
    if _is_letter_to_splash(copied, args):
        fields = {
            "method": args.get("http_method", "GET"),
            "body": args.get("body", ""),
            "headers": args.get("headers") or {},
        }
    options["args"] = {**page_args(options, mark.get("args", [])), "url": copied.url}
    if options.pop(TURN, False):
        options.pop("splash_url", None)
    if options.pop(SESSION_COOKIES, False):
        options["args"].pop("cookies", None)
    kept = options.pop("_local_arg_fingerprints", {})
    if kept:
        options["_replaced_args"] = list(kept)
    own = {*mark.get("meta", ()), *LATER}
    meta = {name: value for name, value in copied.meta.items() if name not in own}
    made: Request = copied.replace(meta={**meta, "splash": options}, **fields)
    return made


def _is_letter_to_splash(request: Request, args: Mapping[str, Any]) -> bool:
    try:
        return request.method == "POST" and bool(json.loads(request.body) == json.loads(json.dumps(args)))
    except ValueError:
        return False


def _digest(values: list[bytes]) -> str:
    """A header's value without telling it: meta may be shown or stored where a password should not be."""
    return hashlib.sha256(b"\0".join(values)).hexdigest()
