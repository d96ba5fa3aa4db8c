"""Random bad arguments, for the parser and, by ``python -m tests.renderer.argument_fuzz --count N``, for a renderer.

The renderer must answer each request, with a status and an error of Splash.
"""

from __future__ import annotations

import argparse
import json
import urllib.error
import urllib.request
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from renderer.render.options import RenderOptions
from tests.processes import server

NAMES = sorted(
    {
        *RenderOptions.__dataclass_fields__,
        *(
            "width",
            "height",
            "quality",
            "scale_method",
            "images",
            "html",
            "png",
            "jpeg",
            "har",
            "console",
            "history",
        ),
        *("script", "iframes", "scroll", "scroll_item", "scroll_wait", "proxy", "filters", "js", "engine"),
        *(
            "allowed_domains",
            "allowed_content_types",
            "forbidden_content_types",
            "save_args",
            "load_args",
            "lua_source",
        ),
    }
)
ODD_TEXTS = (
    "",
    "\0",
    "\r\n",
    "\ud800",
    "\udcff",
    "nan",
    "inf",
    "1e999",
    "9" * 4000,
    "1x1",
    "full",
    "a" * 5000,
    "/",
    "//a[",
)
ODD_NUMBERS = (
    float("nan"),
    float("inf"),
    float("-inf"),
    10**4000,
    -(10**4000),
    2**64,
    -1,
    1e-320,
    0,
    True,
    False,
)

texts = st.sampled_from(ODD_TEXTS) | st.text(st.characters(), max_size=20)
plain = st.none() | st.sampled_from(ODD_NUMBERS) | st.floats() | st.integers() | texts
headers = st.lists(st.tuples(texts, texts), max_size=3) | st.dictionaries(texts, texts, max_size=3)
values = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)
)
deep = st.integers(1, 900).map(lambda depth: json.loads("[" * depth + "]" * depth))


def arguments() -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy for some of a request's arguments, each with any JSON."""
    some = st.dictionaries(st.sampled_from(NAMES) | texts, values | deep, max_size=5)
    return st.builds(
        lambda given, more: given | more, some, st.fixed_dictionaries({}, optional={"headers": headers})
    )


def ask(url: str, path: str, given: dict[str, Any]) -> tuple[int, bytes]:
    """Send arguments as a client does; return the status and the body. The answer may take 20 seconds."""
    body = json.dumps(given).encode()
    request = urllib.request.Request(url + path, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def check(url: str, page: str, path: str, given: dict[str, Any]) -> int:
    """Send arguments for a page; assert that the answer is one of Splash's, and return its status."""
    defaults = {"url": page, "lua_source": "function main(splash, args) return args end"}
    status, body = ask(url, path, defaults | given | {"timeout": 2})
    assert status in (200, 400, 415, 498, 502, 504), (status, body[:300], given)
    if status >= 400:
        answer = json.loads(body, parse_constant=lambda name: 1 / 0)
        assert answer["error"] == status and answer["type"], answer
    return status


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    count: int = parser.parse_args().count
    seen: Counter[int] = Counter()
    with server("demo", "--port", "0") as page, server("renderer", "--port", "0", "--exit-with-stdin") as url:

        @settings(
            max_examples=count,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(
            st.sampled_from(["/render.html", "/render.json", "/render.png", "/execute", "/run"]), arguments()
        )
        def run(path: str, given: dict[str, Any]) -> None:
            seen[check(url, page, path, given)] += 1

        run()
        assert ask(url, "/render.html", {"url": page})[0] == 200
    print(dict(seen))


if __name__ == "__main__":
    main()
