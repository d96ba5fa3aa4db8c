"""The values of ``cache_args``: in the spider's state by fingerprint, and on Splash by the key that Splash returned."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from scrapy import Request, Spider

from crawler.meta_keys import RENDER


def state_dict(spider: Spider | None, key: str) -> dict[str, Any]:
    """Return the dict under this key of ``spider.state``. Make both if they are missing.

    Scrapy makes ``spider.state`` only with JOBDIR, and only after it has opened the spider.
    """
    assert spider is not None
    state: dict[str, Any] = vars(spider).setdefault("state", {})
    found: dict[str, Any] = state.setdefault(key, {})
    return found


def named_script(page: Request, spider: Spider | None) -> str | None:
    """Return the render script that a request of ``render()`` names; None for other requests.

    Another process may have made the request, so this process may not have the script's text by its fingerprint.
    """
    name = RENDER.get(page, {}).get("script")
    if name is None or spider is None or not hasattr(spider, "render_script"):
        return None
    script: str = spider.render_script(name)
    return script


def with_values(request: Request, values: Mapping[str, Any]) -> Request:
    """Put the arguments' values in place of their fingerprints, so that another process can send the request."""
    options = copied_options(request)
    args = options.setdefault("args", {})
    for name in options.pop("_replaced_args", ()):
        args[name] = values.get(args[name], args[name])
    request.meta["splash"] = options
    return request


def lost_arguments(options: Mapping[str, Any], *known: Mapping[str, Any]) -> list[str]:
    """Return the names of the arguments that have a fingerprint but no value in ``known``.

    A crawl that was killed leaves its queue, with fingerprints, and may not leave its state, with the values.
    """
    args = options.get("args", {})
    names = options.get("_replaced_args", ())
    return [name for name in names if not any(args.get(name) in values for values in known)]


def copied_options(request: Request) -> dict[str, Any]:
    """Return a deep copy of the request's Splash options. Spiders use one dict for many requests."""
    options: dict[str, Any] = copy.deepcopy(request.meta["splash"])
    return options
