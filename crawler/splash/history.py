"""The HTTP answers of a page's documents, in one form for all endpoints and renderers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

HEADERS = ("content-length", "content-encoding", "transfer-encoding")
ENDS = 400  # characters of base64, a multiple of four


def documents_of(data: Mapping[str, Any], *, in_qt: bool) -> list[dict[str, Any]]:
    """Return the documents that ``spiders/lua/page.lua`` reports; without scripts, the last of render.json's history.

    Args:
        in_qt: whether the renderer is Splash, and not ours.
    """
    documents = data.get("documents")
    if isinstance(documents, list):
        return [document for document in documents if isinstance(document, dict)]
    history = data.get("history")
    if not isinstance(history, list) or not history:
        return []
    return [{**_document(history[-1].get("response", {})), "webkit": in_qt}]


def _document(response: Mapping[str, Any]) -> dict[str, Any]:
    content = response.get("content", {})
    text = content.get("text") or ""
    headers = {header["name"].lower(): header["value"] for header in response.get("headers", ())}
    return {
        "ok": response.get("ok", True),
        "status": response.get("status", 0),
        "size": response.get("bodySize", 0),
        "version": response.get("httpVersion", ""),
        "start": text[: 2 * ENDS],
        "tail": text[-ENDS:],
        **{name: headers[name] for name in HEADERS if name in headers},
    }
