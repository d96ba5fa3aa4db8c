"""``render.page``, an endpoint of our renderer: ``render()`` and ``render_scrolled()`` use it in place of a Lua script.

The page's request has the arguments of the script, because which server renders it is not known before. The frontier
stores it in that form, and the request that goes to another server has that form again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scrapy import Request
from scrapy.settings import default_settings

from crawler.meta_keys import RENDER

ENDPOINT = "render.page"
SCRIPT_OPTIONS = "_script"  # the key of meta["splash"] that has the options of the script

# The options of a script that the endpoint does not have.
OF_A_SCRIPT = ("endpoint", "args", "cache_args", "_replaced_args")


@dataclass(frozen=True, kw_only=True)
class Equivalent:
    """How the arguments of a render script become arguments of the endpoint.

    Attributes:
        names: the endpoint's names of the script's arguments, where they differ.
        added: arguments that the script does not have.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    added: Mapping[str, Any] = field(default_factory=dict)


# By the name of the script in spiders/lua.
EQUIVALENTS: Mapping[str, Equivalent] = {
    "wait_for": Equivalent(names={"wait_timeout": "wait_for_timeout"}),
    "scroll": Equivalent(
        names={
            "wait_timeout": "wait_for_timeout",
            "scroll_items": "scroll_item",
            "scroll_quiet": "scroll_wait",
        },
        added={"scroll": 1000},  # screens; scroll_timeout ends it earlier
    ),
}


# The arguments of what the endpoint cannot do.
ONLY_SCRIPTS = frozenset(("click", "dismiss", "quiet", "screenshot"))


def has_equivalent(request: Request) -> bool:
    """Return whether the endpoint does the work of the request's render script."""
    render = RENDER.get(request, {})
    if not render.get("is_ours") or render.get("script") not in EQUIVALENTS:
        return False
    return ONLY_SCRIPTS.isdisjoint(request.meta["splash"].get("args", {}))


def use_page_endpoint(options: dict[str, Any], script: str) -> None:
    """Replace the options of the render script by those of the endpoint, in place."""
    saved = {name: options.pop(name) for name in OF_A_SCRIPT if name in options}
    equivalent = EQUIVALENTS[script]
    args = {
        equivalent.names.get(name, name): value
        for name, value in saved["args"].items()
        if name != "lua_source"
    }
    args |= equivalent.added
    options |= {"endpoint": ENDPOINT, "args": args, SCRIPT_OPTIONS: saved}


def leave_out_default_headers(page: Request) -> None:
    """Remove the headers that Scrapy puts into each request, in place: a browser has its own.

    To change the headers of one request, Chromium has to ask the renderer about each request of the page, which costs
    a third of a heavy page.
    """
    for name, value in default_settings.DEFAULT_REQUEST_HEADERS.items():
        if page.headers.get(name) == value.encode():
            del page.headers[name]


def restore_script(options: dict[str, Any]) -> None:
    """Put the options of the render script in place of those of the endpoint, if the options have them."""
    saved = options.pop(SCRIPT_OPTIONS, None)
    if saved is not None:
        options |= saved


def script_arguments(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the arguments of the render script, also from the options of the endpoint that replaces it."""
    args: Mapping[str, Any] = options.get(SCRIPT_OPTIONS, options)["args"]
    return args
