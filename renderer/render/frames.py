"""The frames of a page, as render.json describes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from renderer.chromium.cdp import CommandFailed, Params
from renderer.network.har import readable_url
from renderer.tab.document_html import OF_DOCUMENT
from renderer.tab.tab import Tab

_DESCRIBE = (
    f"(() => {{ {OF_DOCUMENT} return [ofDocument('title'), ofDocument('URL'), innerWidth, innerHeight]; }})()"
)
# WebKit's name for a frame without a name: the names of its parent frames, and its number among its siblings.
_PATH = "<!--framePath "
_PATH_END = "-->"


@dataclass(frozen=True, kw_only=True)
class _ParentFrame:
    """The parent of frames: what their descriptions need to know of it."""

    names: tuple[str, ...] = ("",)  # of the page and all frames down to this one
    left: int = 0
    top: int = 0


async def describe(tab: Tab, *, html: bool, children: bool, shadow_roots: bool = False) -> dict[str, Any]:
    """Return the description of the main document, and with ``children`` of the documents in its frames."""
    title, url, width, height = await tab.document.evaluate(_DESCRIBE)
    result: dict[str, Any] = {"url": readable_url(url), "title": title, "geometry": [0, 0, width, height]}
    if html:
        result["html"] = await tab.document.html(shadow_roots=shadow_roots)
    if children:
        tree = (await tab.session.call("Page.getFrameTree"))["frameTree"]
        result["childFrames"] = await _children(tab, tree, _ParentFrame(), html, shadow_roots)
        result["frameName"] = tree["frame"].get("name", "")
    return result


def unique_name(name: str, number: int, parents: tuple[str, ...]) -> str:
    """Return WebKit's name for a frame: its own name, or else a path to it."""
    if name:
        return name
    path = ""
    for parent in reversed(parents):
        if parent.startswith(_PATH):
            path = parent.removeprefix(_PATH).removesuffix(_PATH_END) + path
            break
        path = f"/{parent}{path}"
    return f"{_PATH}{path}/<!--frame{number}-->{_PATH_END}"


async def _children(
    tab: Tab, tree: Params, parent: _ParentFrame, html: bool, shadow_roots: bool
) -> list[dict[str, Any]]:
    found = [
        await _child(tab, child, number, parent, html, shadow_roots)
        for number, child in enumerate(tree.get("childFrames", ()))
    ]
    return [child for child in found if child is not None]


async def _child(
    tab: Tab, tree: Params, number: int, parent: _ParentFrame, html: bool, shadow_roots: bool
) -> dict[str, Any] | None:
    frame = tree["frame"]
    try:
        world = await tab.session.call("Page.createIsolatedWorld", {"frameId": frame["id"]})
        context = world["executionContextId"]
        title, url, width, height = await tab.document.evaluate(_DESCRIBE, context=context)
        left, top = await _place(tab, frame["id"])
        name = unique_name(frame.get("name", ""), number, parent.names)
        result: dict[str, Any] = {
            "url": readable_url(url),
            "requestedUrl": readable_url(tab.network.asked_url(frame["loaderId"]) or url),
            "title": title,
            "frameName": name,
            # Relative to the parent frame.
            "geometry": [left - parent.left, top - parent.top, width, height],
        }
        if html:
            result["html"] = await tab.document.html(context=context, shadow_roots=shadow_roots)
    except CommandFailed:  # the frame was removed meanwhile
        return None
    inside = _ParentFrame(names=(*parent.names, name), left=left, top=top)
    result["childFrames"] = await _children(tab, tree, inside, html, shadow_roots)
    return result


async def _place(tab: Tab, frame_id: str) -> tuple[int, int]:
    """Return the distance of the frame's content from the page's left and top, in pixels."""
    try:
        owner = await tab.session.call("DOM.getFrameOwner", {"frameId": frame_id})
        box = await tab.session.call("DOM.getBoxModel", {"backendNodeId": owner["backendNodeId"]})
        left, top = box["model"]["content"][:2]
    except CommandFailed:  # a frame that is not displayed has no box
        left = top = 0
    return int(left), int(top)
