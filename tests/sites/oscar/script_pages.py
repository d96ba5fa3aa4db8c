"""The cache in front of the shop; and the shop as a JavaScript application: its pages are an empty shell, whose script
fetches the HTML that the server makes.

The file ``script`` in OSCAR_FOLDER switches it on. It has the number of pages that the server still makes itself.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.http import HttpRequest, HttpResponse

SHELL = """<!DOCTYPE html><html><head><title>Shop</title></head><body><div id="app"></div><script>
fetch(location.href, {headers: {"X-Fragment": "1"}}).then(r => r.text()).then(text => {
  document.getElementById("app").innerHTML =
    new DOMParser().parseFromString(text, "text/html").body.innerHTML;
});
</script></body></html>"""


# Oscar loads jQuery from a server that the tests do not reach, and has a copy of its own.
ELSEWHERE, OWN = b"https://ajax.googleapis.com/ajax/libs/jquery/3.7.1/", b"/static/oscar/js/jquery/"


class ScriptPages:
    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.file = Path(os.environ.get("OSCAR_FOLDER", "/nonexistent")) / "script"
        self.cache: dict[str, bytes] = {}
        self.left: dict[float, int] = {}
        self.lock = threading.Lock()

    def __call__(self, request: HttpRequest) -> Any:
        if request.path.startswith("/catalogue/") and "X-Fragment" not in request.headers and self.is_shell():
            return HttpResponse(SHELL)
        if request.method != "GET" or not request.path.startswith("/catalogue/"):
            return self.get_response(request)
        key = request.get_full_path()
        if key not in self.cache:
            response = self.get_response(request)
            if response.status_code != 200:
                return response
            self.cache[key] = response.content.replace(ELSEWHERE, OWN)
        return HttpResponse(self.cache[key])

    def is_shell(self) -> bool:
        try:
            changed = self.file.stat().st_mtime
            text = self.file.read_text()
        except OSError:
            return False
        with self.lock:
            left = self.left.setdefault(changed, int(text or 0))
            self.left[changed] = left - 1
        return left <= 0
