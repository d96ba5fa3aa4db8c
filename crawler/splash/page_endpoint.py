"""``render.page``, an endpoint of our renderer: the requests of ``render()`` use it in place of a Lua script.

The page's request has the arguments of the script, because which server renders it is not known before. The frontier
stores it in that form, and the request that goes to another server has that form again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scrapy import Request

from crawler.meta_keys import RENDER

ENDPOINT = "render.page"
SCRIPT_OPTIONS = "_script"  # the key of meta["splash"] that has the options of the script

# The options of a script that the endpoint does not have.
OF_A_SCRIPT = ("endpoint", "args", "cache_args", "_replaced_args")
# The endpoint's names of the arguments of spiders/lua/<name>.lua; None for those that it does not need.
NAMES: Mapping[str, Mapping[str, str | None]] = {
    "wait_for": {"lua_source": None, "wait_timeout": "wait_for_timeout"},
}


def has_equivalent(request: Request) -> bool:
    """Return whether the endpoint does the work of the request's render script."""
    render = RENDER.get(request, {})
    return bool(render.get("is_ours")) and render.get("script") in NAMES


def use_page_endpoint(options: dict[str, Any], script: str) -> None:
    """Replace the options of the render script by those of the endpoint, in place."""
    saved = {name: options.pop(name) for name in OF_A_SCRIPT if name in options}
    names = NAMES[script]
    args = {names.get(name, name): value for name, value in saved["args"].items()}
    args.pop(None, None)
    options |= {"endpoint": ENDPOINT, "args": args, SCRIPT_OPTIONS: saved}


def restore_script(options: dict[str, Any]) -> None:
    """Put the options of the render script in place of those of the endpoint, if the options have them."""
    saved = options.pop(SCRIPT_OPTIONS, None)
    if saved is not None:
        options |= saved
