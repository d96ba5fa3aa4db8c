"""Runs a render script of ``spiders/lua`` in a renderer, without a crawl."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from spiders.scripts import lua_script


def run_script(renderer: str, script: str, **arguments: Any) -> tuple[int, dict[str, Any]]:
    """Return the status and the JSON of the renderer's answer to ``/execute`` with this script."""
    body = {"lua_source": lua_script(script), "wait_timeout": 5, "images": 0, "timeout": 20} | arguments
    request = urllib.request.Request(
        f"{renderer}/execute", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
