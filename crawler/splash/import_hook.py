"""Makes ``import scrapy_splash`` work on current Scrapy, in every script of this environment.

``splashdown_scrapy_splash.pth`` is in site-packages and calls ``install`` each time Python starts. So this module is
small, imports only sys, and does nothing until a script imports scrapy_splash.
"""

import sys

if False:  # for type checkers only; importing typing would slow down every start of Python
    from types import ModuleType
    from typing import Any

PACKAGE = "scrapy_splash"
PATCHED = "__splashdown_patched__"  # an attribute of the patched package, which may be reloaded

# Our modules that import scrapy_splash, because they derive from its classes.
OURS = ("fingerprint", "middlewares", "replacements", "requests", "responses")


class _Finder:
    """Finds scrapy_splash where it is installed, and sets ``_Loader`` as its loader."""

    def find_spec(self, name: "str", path: "Any" = None, target: "Any" = None) -> "Any":
        if name != PACKAGE:
            return None
        from importlib.machinery import PathFinder  # noqa: PLC0415

        spec = PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)  # type: ignore[assignment]
        return spec


class _Loader:
    """Loads scrapy_splash with its own loader, then patches it."""

    def __init__(self, loader: "Any") -> None:
        self.loader = loader

    def create_module(self, spec: "Any") -> "Any":
        return self.loader.create_module(spec)

    def exec_module(self, module: "ModuleType") -> None:
        import scrapy.utils.url  # noqa: PLC0415
        import w3lib.url  # noqa: PLC0415

        # Scrapy removed this name; three modules of scrapy-splash still import it from there.
        if not hasattr(scrapy.utils.url, "canonicalize_url"):
            scrapy.utils.url.canonicalize_url = w3lib.url.canonicalize_url  # type: ignore[attr-defined]
        self.loader.exec_module(module)
        # If a script imported one of our modules first, that module is incomplete now. Python then imports it again.
        if not hasattr(module, PATCHED):
            for name in OURS:
                sys.modules.pop(f"{__package__}.{name}", None)
        from crawler.splash import replacements  # noqa: PLC0415

        replacements.install_into(module)

    def __getattr__(self, name: "str") -> "Any":  # resources, source, file name
        return getattr(self.loader, name)


def install() -> None:
    """Register the finder. Do nothing if it is registered, or if scrapy_splash is imported already."""
    if PACKAGE not in sys.modules and not any(type(finder).__name__ == "_Finder" for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
