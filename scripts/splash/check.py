"""Check whether a Splash server renders: the exit code is 0, or the reason is one line.

check.py URL    request /_ping, a page on loopback whose text comes from JavaScript, and a Lua script
"""

from __future__ import annotations

import http.server
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request

TIMEOUT = 20
# Splash's WebKit does not know ES modules. Our own renderer, which has the same API, does.
PAGE = b"""<!doctype html><p id="answer"></p><script>
document.getElementById("answer").innerHTML =
  ["noModule" in document.createElement("script") ? "Modern" : "Old", "browser"].join(" ");
</script>"""


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_: object) -> None:
        pass


def ask(splash: str, route: str, **arguments: str) -> str:
    query = urllib.parse.urlencode(arguments)
    without_proxy = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with without_proxy.open(f"{splash}/{route}?{query}", timeout=TIMEOUT) as answer:
        return str(answer.read().decode())


def refusal(splash: str) -> str:
    """Return why the server cannot be used, or an empty text."""
    ask(splash, "_ping")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        html = ask(splash, "render.html", url=f"http://127.0.0.1:{server.server_port}/", timeout="15")
        server.shutdown()
    if "Modern browser" in html:
        return "the server answers, but it is not Splash: its browser is a current one"
    if "Old browser" not in html:
        return "the server answers, but it does not render a page on this machine's loopback"
    if ask(splash, "execute", lua_source="function main() return 'by ' .. 'Lua' end") != "by Lua":
        return "the server answers, but it does not run Lua scripts"
    return ""


if __name__ == "__main__":
    try:
        sys.exit(refusal(sys.argv[1].rstrip("/")) or 0)
    except (OSError, ValueError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
