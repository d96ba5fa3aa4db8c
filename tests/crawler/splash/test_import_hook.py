"""``import scrapy_splash`` in any script of this environment, and scripts without it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent.parent


def python(code: str, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, *options, "-c", code], cwd="/", capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    "imports",
    [
        "import scrapy_splash",
        "import scrapy_splash.request",
        "from scrapy_splash.cache import SplashAwareFSCacheStorage",
        "import scrapy, scrapy_splash",
        "import crawler.splash.middlewares",
        "import scrapy_splash, importlib; importlib.reload(scrapy_splash)",
    ],
)
def test_the_package_is_patched_once_whichever_import_comes_first(imports: str) -> None:
    code = f"""{imports}
import scrapy_splash as s, scrapy_splash.middleware as m
names = ("SplashMiddleware", "SplashCookiesMiddleware", "SplashDeduplicateArgsMiddleware")
assert all(getattr(s, name) is getattr(m, name) for name in names)
assert all(getattr(s, name).__module__ == "crawler.splash.middlewares" for name in names)
assert s.SplashAwareDupeFilter.__module__ == s.SplashRequestFingerprinter.__module__ == "crawler.splash.fingerprint"
assert not s.SplashMiddleware.__base__.__module__.startswith("crawler")
assert not hasattr(s.SplashRequest.__init__.__wrapped__, "__wrapped__")
assert s.SplashRequest is s.request.SplashRequest and s.SplashTextResponse is s.response.SplashTextResponse
print("patched")
"""
    assert python(code, "-W", "error") == "patched"


def test_without_scrapy_splash_the_hook_changes_nothing_else() -> None:
    code = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
before = set(sys.modules)
import crawler.splash.import_hook
crawler.splash.import_hook.install()
crawler.splash.import_hook.install()
assert set(sys.modules) - before == {{"crawler", "crawler.splash", "crawler.splash.import_hook"}}
assert [type(finder).__name__ for finder in sys.meta_path].count("_Finder") == 1
try:
    import scrapy_splash
except ModuleNotFoundError as error:
    print(error.name)
"""
    assert python(code, "-S", "-I") == "scrapy_splash"
