"""The arguments of a request: checked as Splash checks them, and stored as frozen values."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

from renderer.egress.profile_folders import read_script_profile
from renderer.egress.proxy_profiles import ProxyRules, read_proxy
from renderer.errors import BadOption
from renderer.network.adblock_filters import Filters
from renderer.network.blocking_rules import Rules
from renderer.network.header_text import check_header
from renderer.render.argument_values import describe_fault, is_text
from renderer.render.scroll import Scrolling
from renderer.render.storage import checked_storage

DEFAULT_TIMEOUT = 30.0
DEFAULT_VIEWPORT = "1024x768"
MAX_WIDTH, MAX_HEIGHT = 1920, 1080
MAX_VIEWPORT_SIDE, MAX_VIEWPORT_AREA = 40000, 51_200_000
WAIT_FOR_TIMEOUT = 10.0
MAX_SCREENS = 1000
SCROLL_WAIT = 1.0
ENGINES = ("webkit", "chromium")

Arguments = Mapping[str, Any]
ReadRender = Callable[[Arguments, float, "ServerCapabilities"], "RenderOptions"]
LONGEST_ECHO = 100  # characters of a wrong value that an error repeats


@dataclass(frozen=True, kw_only=True)
class ImageOptions:
    """The size and the form of a picture, as a client wants it."""

    width: int | None = None
    height: int | None = None
    scale_method: str = "raster"
    quality: int = 75


@dataclass(frozen=True, kw_only=True)
class Include:
    """The parts that render.json returns."""

    html: bool = False
    iframes: bool = False
    png: bool = False
    jpeg: bool = False
    script: bool = False
    console: bool = False
    history: bool = False
    har: bool = False


@dataclass(frozen=True, kw_only=True)
class ServerCapabilities:
    """The profiles, filters and engines that requests may name: the server has them from its start options."""

    proxy_profiles: Path | None = None
    script_profiles: Path | None = None
    filters: Filters = field(default_factory=Filters)
    engines: tuple[str, ...] = ("webkit", "chromium")


@dataclass(frozen=True, kw_only=True)
class RenderOptions:
    """All arguments of one render.* request."""

    url: str
    baseurl: str | None
    timeout: float
    resource_timeout: float
    wait: float
    wait_for: str | None
    wait_for_timeout: float
    scrolling: Scrolling | None
    shadow_roots: bool
    script_errors: bool
    viewport: str
    render_all: bool
    rules: Rules
    html5_media: bool | None  # None if the client did not send it
    http2: bool
    headers: tuple[tuple[str, str], ...]
    http_method: str
    body: bytes | None
    js_source: str | None
    request_body: bool
    response_body: bool
    image: ImageOptions
    include: Include
    cookies: tuple[dict[str, Any], ...] = ()  # only render.page has them, and the storage
    storage: dict[str, Any] | None = None

    @property
    def changes_what_is_found(self) -> bool:
        """Return whether the render needs the page after the element of ``wait_for`` came."""
        return bool(self.wait or self.js_source or self.scrolling) or self.viewport == "full"


def bad_argument(argument: str, description: str, kind: str = "bad_argument", **more: Any) -> NoReturn:
    """Raise a BadOption (400) for this argument."""
    raise BadOption({"type": kind, "argument": argument, "description": description, **more})


def _read(
    arguments: Arguments,
    name: str,
    convert: Callable[[Any], Any],
    default: Any = None,
    limits: tuple[float, float] | None = None,
) -> Any:
    value = arguments.get(name)
    if value is None:
        return default
    try:
        value = convert(value)
    except (ValueError, TypeError, OverflowError):
        bad_argument(name, f"Argument {name!r} has a wrong type", required_type=convert.__name__)
    if limits is not None and not limits[0] <= value <= limits[1]:
        low, high = limits
        bad_argument(name, "Argument is out of the allowed range", min=low, max=high, value=_echo(value))
    return value


def _echo(value: float) -> Any:
    """Return a number as an error's JSON shows it: JSON has no infinity, and 4,000 digits are too many."""
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value if abs(value) < 10**LONGEST_ECHO else f"a number above 10 to the power of {LONGEST_ECHO}"


def text(value: Any) -> str:
    """Return a text unchanged, and a number as text, because clients omit quotes; raise TypeError for other values."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError(f"{type(value).__name__} is no text")
    return str(value)


text.__name__ = "str"  # the required type in error messages


def check_arguments(arguments: Arguments) -> None:
    """Raise BadOption if an argument has a value that Chromium, Lua or JSON cannot have."""
    for name, value in arguments.items():
        if not name.isascii() and not is_text(name):
            bad_argument(ascii(name), "The name of an argument has half of a character (a lone surrogate)")
        if isinstance(value, str) and value.isascii():
            continue  # most arguments
        fault = describe_fault(value)
        if fault is not None:
            bad_argument(name, f"Argument {name!r} {fault}")


def _flag(arguments: Arguments, name: str, default: bool = False) -> bool:
    if name not in arguments:
        return default
    return bool(_read(arguments, name, int, int(default), (0, 1)))


def _choice(arguments: Arguments, name: str) -> bool | None:
    value = _read(arguments, name, int, None, (0, 1))
    return None if value is None else bool(value)


def read_timeout(arguments: Arguments, max_timeout: float) -> float:
    default = min(max_timeout, DEFAULT_TIMEOUT)
    return float(_read(arguments, "timeout", float, default, (0, max_timeout)))


def check_engine(arguments: Arguments, engines: tuple[str, ...]) -> None:
    # Splash 3.5 has two engines; ours accepts both names.
    engine = arguments.get("engine")
    if engine is None:
        return
    if engine not in ENGINES:
        bad_argument("engine", f"Unknown render engine {engine}")
    if engine not in engines:
        bad_argument("engine", f"Disabled render engine {engine}")


def _names(value: Any) -> tuple[str, ...]:
    """Return the names in a list, or in a text with commas; white space around a name does not count."""
    parts = value if isinstance(value, list) else str(value or "").split(",")
    return tuple(name for part in parts if (name := str(part).strip()))


def _domains(value: Any) -> tuple[str, ...]:
    """Return the domains of ``allowed_domains``; as in Splash, an empty text allows none, and an empty list all."""
    if value is None or isinstance(value, list):
        return tuple(name.lower() for name in _names(value))
    return tuple(part.strip().lower() for part in str(value).split(","))


def read_filters(arguments: Arguments, filters: Filters) -> tuple[str, ...]:
    """Return the names of the filter lists of this request; raise BadOption for an unknown name."""
    names = _names(arguments.get("filters"))
    if unknown := filters.unknown(names):
        bad_argument("filters", f"Invalid filter names: {unknown}")
    return filters.chosen(names)


def read_rules(arguments: Arguments, capabilities: ServerCapabilities) -> Rules:
    """Return the rules by which requests are refused, for render.* and for scripts."""
    types = arguments.get("allowed_content_types")
    return Rules(
        allowed_domains=_domains(arguments.get("allowed_domains")),
        allowed_content_types=None if types is None else _names(types),
        forbidden_content_types=_names(arguments.get("forbidden_content_types")),
        filters=capabilities.filters,
        filter_names=read_filters(arguments, capabilities.filters),
    )


def read_proxy_rules(arguments: Arguments, capabilities: ServerCapabilities) -> ProxyRules | None:
    """Return the proxy that the request names, or the default proxy; None without a proxy."""
    value = _read(arguments, "proxy", text)
    try:
        return read_proxy(value, capabilities.proxy_profiles)
    except ValueError as error:
        bad_argument("proxy", str(error))


def _read_scripts(arguments: Arguments, capabilities: ServerCapabilities) -> str | None:
    """Return the files of the JavaScript profile, followed by the client's own source."""
    source: str | None = _read(arguments, "js_source", text)
    name = arguments.get("js")
    if not name:
        return source
    if capabilities.script_profiles is None:
        bad_argument("js", "Javascript profiles are not enabled on server")
    try:
        profile = read_script_profile(capabilities.script_profiles, str(name))
    except ValueError as error:
        bad_argument("js", str(error))
    return f"{profile}\n{source or ''}"


def read_save_args(arguments: Arguments) -> list[str]:
    value = arguments.get("save_args")
    if value is None:
        return []
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list):
        bad_argument(
            "save_args",
            "'save_args' should be either a comma-separated string or a JSON array with argument names",
        )
    if not all(isinstance(name, str) for name in value):
        bad_argument("save_args", "'save_args' should be a list of strings")
    # A header of the answer has the names.
    if any(character in name for name in value for character in "\r\n\0"):
        bad_argument("save_args", "'save_args' has a name with a line end or a NUL")
    return list(value)


def read_load_args(arguments: Arguments) -> dict[str, str]:
    value = arguments.get("load_args")
    if value is None:
        return {}
    if isinstance(value, str):
        pairs = [pair.split("=", 1) for pair in value.split(";")]
        if any(len(pair) != 2 for pair in pairs):
            bad_argument(
                "load_args", "'load_args' string value is not a semicolon-separated list of name=hash pairs"
            )
        value = dict(pairs)
    if not isinstance(value, dict):
        bad_argument(
            "load_args",
            "'load_args' should be either a JSON object with argument hashes "
            "or a semicolon-separated list of name=hash pairs",
        )
    return {str(name): str(key) for name, key in value.items()}


def read_headers(value: Any) -> tuple[tuple[str, str], ...]:
    if value is None:
        return ()
    pairs = list(value.items()) if isinstance(value, dict) else value
    if not isinstance(pairs, list) or not all(
        isinstance(pair, list | tuple) and len(pair) == 2 and all(isinstance(part, str) for part in pair)
        for pair in pairs
    ):
        bad_argument(
            "headers", "'headers' must be either a JSON array of (name, value) pairs or a JSON object"
        )
    try:
        for name, value in pairs:
            check_header(name, value)
    except ValueError as error:
        bad_argument("headers", f"'headers' cannot be sent: {error}")
    return tuple((name, value) for name, value in pairs)


def read_cookies(value: Any) -> tuple[dict[str, Any], ...]:
    """Return the cookies of a request, in HAR's form; raise BadOption for another form."""
    if value is None:
        return ()
    if not isinstance(value, list) or not all(
        isinstance(cookie, dict) and "name" in cookie and "value" in cookie for cookie in value
    ):
        bad_argument("cookies", "'cookies' must be a JSON array of objects with name and value")
    return tuple(value)


def read_storage(value: Any) -> dict[str, Any] | None:
    """Return the storage that pages of its origin find; raise BadOption for another value."""
    if value is None:
        return None
    try:
        return checked_storage(value)
    except ValueError as error:
        bad_argument(
            "auth_storage", f"'auth_storage' must be an object with origin, local and session: {error}"
        )


def read_viewport(arguments: Arguments, wait: float) -> str:
    viewport = str(_read(arguments, "viewport", text, DEFAULT_VIEWPORT))
    if viewport == "full":
        if wait == 0:
            bad_argument("viewport", "Pass non-zero 'wait' to render full webpage")
        return viewport
    try:
        parse_viewport(viewport)
    except ValueError as error:
        bad_argument("viewport", str(error))
    return viewport


def parse_viewport(viewport: str) -> tuple[int, int]:
    """Return ``800x600`` as two numbers; raise ValueError with the reason if it is not valid."""
    parts = viewport.split("x")
    if len(parts) != 2:
        raise ValueError(f"Invalid viewport format: {viewport}")
    width, height = map(int, parts)
    check_viewport(width, height)
    return width, height


def check_viewport(width: float, height: float) -> None:
    """Raise ValueError if a viewport has no pixels or too many."""
    area, side = width * height, MAX_VIEWPORT_SIDE
    if not (0 < width <= side and 0 < height <= side and area < MAX_VIEWPORT_AREA):
        limits = f"{side}x{side}, area={MAX_VIEWPORT_AREA}"
        raise ValueError(f"Viewport ({width}x{height}, area={area}) is out of range ({limits})")


def read_image(arguments: Arguments) -> ImageOptions:
    scale_method = _read(arguments, "scale_method", text, "raster")
    if scale_method not in ("raster", "vector"):
        bad_argument(
            "scale_method",
            f"Invalid 'scale_method': {scale_method}",
            allowed=["raster", "vector"],
            received=scale_method,
        )
    return ImageOptions(
        width=_read(arguments, "width", int, None, (1, MAX_WIDTH)),
        height=_read(arguments, "height", int, None, (1, MAX_HEIGHT)),
        scale_method=scale_method,
        quality=_read(arguments, "quality", int, 75, (0, 100)),
    )


def _read_request(arguments: Arguments) -> tuple[str, bytes | None]:
    method = str(_read(arguments, "http_method", text, "GET"))
    if method.upper() not in ("GET", "POST"):
        bad_argument("http_method", f"Unsupported HTTP method {method}")
    body = _read(arguments, "body", text)
    if body and method.upper() == "GET":
        bad_argument("body", "GET request should not have a body")
    return method.upper(), None if body is None else body.encode()


def _read_scrolling(arguments: Arguments, timeout: float) -> Scrolling | None:
    screens = _read(arguments, "scroll", int, 0, (0, MAX_SCREENS))
    if not screens:
        return None
    return Scrolling(
        screens=screens,
        item=_read(arguments, "scroll_item", text) or None,
        end=_read(arguments, "scroll_end", text) or None,
        patience=_read(arguments, "scroll_wait", float, SCROLL_WAIT, (0, 60)),
        seconds=_read(arguments, "scroll_timeout", float, timeout, (0, 1e6)),
    )


def _read_include(arguments: Arguments) -> Include:
    return Include(**{name: _flag(arguments, name) for name in Include.__dataclass_fields__})


def read_page(arguments: Arguments, max_timeout: float, capabilities: ServerCapabilities) -> RenderOptions:
    """Return the checked arguments of render.page; raise BadOption for a wrong one."""
    options = read_render(arguments, max_timeout, capabilities)
    storage = read_storage(arguments.get("auth_storage"))
    return replace(options, cookies=read_cookies(arguments.get("cookies")), storage=storage)


def read_render(arguments: Arguments, max_timeout: float, capabilities: ServerCapabilities) -> RenderOptions:
    """Return the checked arguments of a render.* request; raise BadOption for a wrong one."""
    timeout = read_timeout(arguments, max_timeout)
    wait = _read(arguments, "wait", float, 0.0, (0, timeout))
    url = _read(arguments, "url", text)
    if url is None:
        bad_argument("url", "Required argument is missing: url", "argument_required")
    viewport = read_viewport(arguments, wait)
    render_all = _flag(arguments, "render_all")
    if render_all and wait == 0:
        bad_argument("render_all", "Pass non-zero 'wait' to render full webpage")
    http_method, body = _read_request(arguments)
    return RenderOptions(
        url=url,
        baseurl=_read(arguments, "baseurl", text),
        timeout=timeout,
        resource_timeout=_read(arguments, "resource_timeout", float, 0.0, (0, 1e6)),
        wait=wait,
        wait_for=_read(arguments, "wait_for", text) or None,
        wait_for_timeout=_read(arguments, "wait_for_timeout", float, WAIT_FOR_TIMEOUT, (0, max_timeout)),
        scrolling=_read_scrolling(arguments, timeout),
        shadow_roots=_flag(arguments, "shadow_roots"),
        script_errors=_flag(arguments, "script_errors"),
        viewport=viewport,
        render_all=render_all,
        rules=replace(
            read_rules(arguments, capabilities),
            images=_flag(arguments, "images", True),
        ),
        html5_media=_choice(arguments, "html5_media"),
        http2=_flag(arguments, "http2", True),
        headers=read_headers(arguments.get("headers")),
        http_method=http_method,
        body=body,
        js_source=_read_scripts(arguments, capabilities),
        request_body=_flag(arguments, "request_body"),
        response_body=_flag(arguments, "response_body"),
        image=read_image(arguments),
        include=_read_include(arguments),
    )
