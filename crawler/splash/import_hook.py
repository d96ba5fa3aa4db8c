"""Makes ``import scrapy_splash`` work on today's Scrapy, in every script of this environment.

``splashdown_scrapy_splash.pth`` lies in site-packages and runs ``install`` whenever Python starts, so this module is
small, imports nothing but sys, and does no more than to wait for that import.
"""

import sys

if False:  # what only type checkers need; typing would cost every start of Python
    from types import ModuleType
    from typing import Any

PACKAGE = "scrapy_splash"
MENDED = "__mended__"  # is in the package once it was; it may be reloaded

# The modules of ours that derive from its classes, and so import it.
OURS = ("fingerprint", "middlewares", "replacements", "requests", "responses")


class _Finder:
    """Finds scrapy_splash where it is, and has it loaded by ``_Loader``."""

    def find_spec(self, name: "str", path: "Any" = None, target: "Any" = None) -> "Any":
        if name != PACKAGE:
            return None
        from importlib.machinery import PathFinder  # noqa: PLC0415

        spec = PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)  # type: ignore[assignment]
        return spec


class _Loader:
    def __init__(self, loader: "Any") -> None:
        self.loader = loader

    def create_module(self, spec: "Any") -> "Any":
        return self.loader.create_module(spec)

    def exec_module(self, module: "ModuleType") -> None:
        import scrapy.utils.url  # noqa: PLC0415
        import w3lib.url  # noqa: PLC0415

        # Scrapy took this name away; three modules of scrapy-splash still import it from there.
        if not hasattr(scrapy.utils.url, "canonicalize_url"):
            scrapy.utils.url.canonicalize_url = w3lib.url.canonicalize_url  # type: ignore[attr-defined]
        self.loader.exec_module(module)
        # One of ours that was imported first waits for this import, half made; Python then takes the whole one.
        if not hasattr(module, MENDED):
            for name in OURS:
                sys.modules.pop(f"crawler.splash.{name}", None)
        from crawler.splash import replacements  # noqa: PLC0415

        replacements.put_into(module)

    def __getattr__(self, name: "str") -> "Any":  # resources, source, file name: the real loader's business
        return getattr(self.loader, name)


def install() -> None:
    """Wait for the import of scrapy_splash; any number of times, also after it was imported."""
    if PACKAGE not in sys.modules and not any(type(finder).__name__ == "_Finder" for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
