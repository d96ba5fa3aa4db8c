"""Send a case to a renderer, and convert its answer to a form that can be compared."""

from __future__ import annotations

import base64
import io
import json
import re
import urllib.error
import urllib.request
from typing import Any

from PIL import Image

from tests.renderer.differential.case import Case
from tests.renderer.differential.site import BROWSERS, DifferentialSite

TIMEOUT = 40
# Keys whose values always differ: times, durations and names of programs.
_UNSTABLE = frozenset(
    {
        "remaining",
        "startedDateTime",
        "time",
        "timings",
        "pageTimings",
        "headersSize",
        "creator",
        "browser",
        "comment",
    }
)
_DATETIME = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?")


def ask(renderer: str, site: DifferentialSite, case: Case) -> dict[str, Any]:
    """Send the case; return the status, the type, the script's own headers and the body of the answer."""
    arguments = _fill(case.arguments, site) | {
        "site": site.url,
        "other": site.other,
        "closed": site.closed,
        "timeout": 20,
    }
    request = urllib.request.Request(
        renderer + case.endpoint,
        data=json.dumps(arguments | _fill(case.arguments, site)).encode(),
        headers={"Content-Type": "application/json"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=TIMEOUT) as response:
            answer = response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        answer = error.code, error.headers, error.read()
    status, headers, body = answer
    kind = headers.get("Content-Type", "")
    own = {name: value for name, value in headers.items() if name.lower().startswith("x-")}
    # Without the headers that only our renderer adds.
    own = {
        name: value for name, value in own.items() if not name.startswith(("X-Content-Type", "X-Splashdown"))
    }
    result = {"status": status, "type": kind, "body": _read(kind, body)}
    return _stable(result | ({"headers": own} if own else {}), site)  # type: ignore[no-any-return]


def _fill(value: Any, site: DifferentialSite) -> Any:
    if isinstance(value, dict):
        return {key: _fill(item, site) for key, item in value.items()}
    if isinstance(value, list):
        return [_fill(item, site) for item in value]
    if isinstance(value, str):
        return (
            value.replace("{site}", site.url).replace("{other}", site.other).replace("{closed}", site.closed)
        )
    return value


def _read(kind: str, body: bytes) -> Any:
    if kind.startswith("image/"):
        with Image.open(io.BytesIO(body)) as image:
            return {"format": image.format, "size": list(image.size)}
    if kind.startswith("application/json"):
        return json.loads(body)
    return body.decode("utf-8", "backslashreplace")


def _stable(value: Any, site: DifferentialSite) -> Any:
    if isinstance(value, dict):
        return {_stable(key, site): _stable_item(key, item, site) for key, item in value.items()}
    if isinstance(value, list):
        if value and all(isinstance(item, dict) and set(item) == {"name", "value"} for item in value):
            value = sorted(filter(_is_comparable, value), key=lambda item: str(item["name"]).lower())
        return [_stable(item, site) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        for name, url in (("SITE", site.url), ("OTHER", site.other), ("CLOSED", site.closed)):
            value = value.replace(url, name)
        return _DATETIME.sub("MOMENT", value)
    return value


def _stable_item(key: str, item: Any, site: DifferentialSite) -> Any:
    if key in _UNSTABLE:
        return "..."
    if key in ("png", "jpeg") and isinstance(item, str):
        return _read(f"image/{key}", base64.b64decode(item))
    return _stable(item, site)


def _is_comparable(header: dict[str, Any]) -> bool:
    """Return whether to compare a header of an archive: not those that differ between browsers and servers."""
    name, value = str(header["name"]).lower(), str(header["value"])
    usual = BROWSERS.get(name)
    return (
        name not in ("date", "server")
        and not name.startswith(("sec-", "host"))
        and not (usual and value.startswith(usual))
    )


def differences(splash: Any, ours: Any, path: str = "") -> list[str]:
    """Return one line for each place at which two answers differ."""
    if isinstance(splash, dict) and isinstance(ours, dict):
        lines = []
        for key in [*splash, *(key for key in ours if key not in splash)]:
            if key not in splash or key not in ours:
                # Our errors of scripts name the method and the argument even if Splash's do not.
                if key in ("argument", "splash_method") and key not in splash:
                    continue
                lines.append(
                    f"{path}.{key}: {splash.get(key, 'nothing')!r:.300} / {ours.get(key, 'nothing')!r:.300}"
                )
            else:
                lines += differences(splash[key], ours[key], f"{path}.{key}")
        return lines
    if isinstance(splash, list) and isinstance(ours, list) and len(splash) == len(ours):
        return [
            line
            for number, (a, b) in enumerate(zip(splash, ours, strict=True))
            for line in differences(a, b, f"{path}[{number}]")
        ]
    return [] if splash == ours else [f"{path}: {splash!r:.700} / {ours!r:.700}"]
