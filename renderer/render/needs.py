"""The needs of a result: what a render has to record, draw and wait for, by the endpoint and its flags."""

from __future__ import annotations

from dataclasses import dataclass

from renderer.render.options import Include, RenderOptions


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What the result of one render needs of the page; a render does nothing that no result needs."""

    network: bool = False  # a record of all requests
    frames: bool = False  # the frames that the page adds in its load event
    drawing: bool = False  # a page that is drawn before its load event
    html: bool = False  # the result is the HTML
    document: bool = False  # a record of the main documents


def needs_of(kind: str, include: Include) -> Needs:
    """Return the needs of an endpoint (``html``, ``json``, ...); the flags count only for ``json``."""
    if kind != "json":
        include = Include()
    frames = kind in ("png", "jpeg") or include.iframes or include.png or include.jpeg
    archive = kind == "har" or include.har
    return Needs(
        network=archive or include.history or include.iframes,
        frames=frames,
        # An archive has the requests for lazy images, which load only if the page is drawn.
        drawing=frames or archive,
        html=kind in ("html", "page"),
        document=kind == "page",
    )


def needs_images(kind: str, options: RenderOptions) -> bool:
    """Return whether the render needs a Chromium that loads images, also if the argument ``images`` is 0.

    Without images a Chromium leaves space for them in the page. Only a picture or a script can see that.
    """
    return options.rules.images or needs_of(kind, options.include).drawing or bool(options.js_source)
