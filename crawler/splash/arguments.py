"""Where the values of ``cache_args`` are: in the spider's state, by fingerprint, and on Splash, by the key it gave."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from scrapy import Request, Spider

from crawler.splash.render import RENDER


def kept_in_state(spider: Spider | None, key: str) -> dict[str, Any]:
    """A dict in ``spider.state``, which is only there with JOBDIR, and only after the spider was opened."""
    assert spider is not None
    state: dict[str, Any] = vars(spider).setdefault("state", {})
    found: dict[str, Any] = state.setdefault(key, {})
    return found


def named_script(page: Request, spider: Spider | None) -> str | None:
    """The script of a render of ours, by its name: the process that made the request may not be this one."""
    name = page.meta.get(RENDER, {}).get("script")
    if name is None or spider is None or not hasattr(spider, "render_script"):
        return None
    script: str = spider.render_script(name)
    return script


def whole(request: Request, values: Mapping[str, Any]) -> Request:
    """The request with its arguments in it, and not by their fingerprints, so that another process can send it."""
    options = own_options(request)
    args = options.setdefault("args", {})
    for name in options.pop("_replaced_args", ()):
        args[name] = values.get(args[name], args[name])
    request.meta["splash"] = options
    return request


def lost(options: Mapping[str, Any], *known: Mapping[str, Any]) -> list[str]:
    """The arguments of which there is a fingerprint only: a crawl that was killed left its queue, not its state."""
    args = options.get("args", {})
    names = options.get("_replaced_args", ())
    return [name for name in names if not any(args.get(name) in values for values in known)]


def own_options(request: Request) -> dict[str, Any]:
    """The request's Splash options as a copy that nothing else has: spiders give many requests the same dict."""
    options: dict[str, Any] = copy.deepcopy(request.meta["splash"])
    return options
