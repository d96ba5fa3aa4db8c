"""Puts our classes under the names of scrapy_splash, so that the dotted names in existing settings work."""

from __future__ import annotations

import sys
from types import ModuleType

from crawler.splash import cookie_jars, fingerprint, middlewares, requests, responses
from crawler.splash.import_hook import PATCHED

REPLACED = {
    "SplashMiddleware": middlewares.SplashMiddleware,
    "SplashCookiesMiddleware": middlewares.SplashCookiesMiddleware,
    "SplashDeduplicateArgsMiddleware": middlewares.SplashDeduplicateArgsMiddleware,
    "SplashRequestFingerprinter": fingerprint.SplashRequestFingerprinter,
    "SplashAwareDupeFilter": fingerprint.SplashAwareDupeFilter,
    "SplashAwareFSCacheStorage": fingerprint.SplashAwareFSCacheStorage,
}


def install_into(package: ModuleType) -> None:
    """Replace the classes in the package and in all its modules, and patch the other ones in place."""
    for module_name, module in list(sys.modules.items()):
        if module_name == package.__name__ or module_name.startswith(f"{package.__name__}."):
            for name, ours in REPLACED.items():
                if hasattr(module, name):
                    setattr(module, name, ours)
    if not hasattr(package, PATCHED):
        requests.patch()
        responses.patch()
        cookie_jars.patch()
        setattr(package, PATCHED, True)
