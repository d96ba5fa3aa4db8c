"""Which names of scrapy_splash mean our classes, so that the dotted names in people's settings go on working."""

from __future__ import annotations

import sys
from types import ModuleType

from crawler.splash import fingerprint, middlewares, requests, responses
from crawler.splash.mend import MENDED

REPLACED = {
    "SplashMiddleware": middlewares.SplashMiddleware,
    "SplashCookiesMiddleware": middlewares.SplashCookiesMiddleware,
    "SplashDeduplicateArgsMiddleware": middlewares.SplashDeduplicateArgsMiddleware,
    "SplashRequestFingerprinter": fingerprint.SplashRequestFingerprinter,
    "SplashAwareDupeFilter": fingerprint.SplashAwareDupeFilter,
    "SplashAwareFSCacheStorage": fingerprint.SplashAwareFSCacheStorage,
}


def put_into(package: ModuleType) -> None:
    """Replace the classes in the package and in whichever of its modules have them, and mend the rest in place."""
    for module_name, module in list(sys.modules.items()):
        if module_name == package.__name__ or module_name.startswith(f"{package.__name__}."):
            for name, ours in REPLACED.items():
                if hasattr(module, name):
                    setattr(module, name, ours)
    if not hasattr(package, MENDED):
        requests.mend()
        responses.mend()
        setattr(package, MENDED, True)
