"""The frames of a page as render.json describes them."""

from __future__ import annotations

from typing import Any

from renderer.cdp import CommandFailed, Params
from renderer.tab import Tab

_DESCRIBE = "[document.title, document.URL, innerWidth, innerHeight]"


async def describe(tab: Tab, *, html: bool, children: bool, shadow_roots: bool = False) -> dict[str, Any]:
    """The main document, and with ``children`` the documents inside it."""
    title, url, width, height = await tab.evaluate(_DESCRIBE)
    result: dict[str, Any] = {"url": url, "title": title, "geometry": [0, 0, width, height]}
    if html:
        result["html"] = await tab.html(shadow_roots=shadow_roots)
    if children:
        tree = (await tab.session.call("Page.getFrameTree"))["frameTree"]
        result["childFrames"] = await _children(tab, tree, html, shadow_roots)
        result["frameName"] = tree["frame"].get("name", "")
    return result


async def _children(tab: Tab, tree: Params, html: bool, shadow_roots: bool) -> list[dict[str, Any]]:
    found = [await _child(tab, child, html, shadow_roots) for child in tree.get("childFrames", ())]
    return [child for child in found if child is not None]


async def _child(tab: Tab, tree: Params, html: bool, shadow_roots: bool) -> dict[str, Any] | None:
    frame = tree["frame"]
    try:
        world = await tab.session.call("Page.createIsolatedWorld", {"frameId": frame["id"]})
        context = world["executionContextId"]
        title, url, width, height = await tab.evaluate(_DESCRIBE, context=context)
        result: dict[str, Any] = {
            "url": url,
            "requestedUrl": url,
            "title": title,
            "frameName": frame.get("name", ""),
            "geometry": await _geometry(tab, frame["id"], width, height),
        }
        if html:
            result["html"] = await tab.html(context=context, shadow_roots=shadow_roots)
    except CommandFailed:  # the frame left while we looked
        return None
    result["childFrames"] = await _children(tab, tree, html, shadow_roots)
    return result


async def _geometry(tab: Tab, frame_id: str, width: int, height: int) -> list[int]:
    try:
        owner = await tab.session.call("DOM.getFrameOwner", {"frameId": frame_id})
        box = await tab.session.call("DOM.getBoxModel", {"backendNodeId": owner["backendNodeId"]})
        left, top = box["model"]["content"][:2]
    except CommandFailed:  # a frame that is not displayed has no box
        left = top = 0
    return [int(left), int(top), width, height]
