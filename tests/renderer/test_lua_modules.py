"""Lua modules of the server's owner, and a server without the sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import server
from tests.renderer.conftest import Client, Pages


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("modules")
    (folder / "shop.lua").write_text(
        """
        local Splash = require("splash")
        local inner = require("inner")
        function Splash:shop_title(url)
          assert(self:go(url))
          return inner.title(self)
        end
        return {repeated = string.rep("ab", 2), title = inner.title}
        """
    )
    (folder / "inner.lua").write_text(
        "return {title = function(splash) return splash:evaljs('document.title') end}"
    )
    (folder / "broken.lua").write_text("return {")
    return folder


@pytest.fixture(scope="module")
def with_modules(folder: Path) -> Iterator[Client]:
    options = ("--lua-package-path", f"{folder}/?.lua", "--lua-sandbox-allowed-modules", "shop;broken;absent")
    with server("renderer", "--port", "0", "--exit-with-stdin", *options) as url:
        yield Client(url)


@pytest.fixture(scope="module")
def open_server() -> Iterator[Client]:
    with server("renderer", "--port", "0", "--exit-with-stdin", "--disable-lua-sandbox") as url:
        yield Client(url)


def test_a_script_requires_an_allowed_module(with_modules: Client, pages: Pages) -> None:
    script = """
    local shop = require("shop")
    splash:go(args.url)
    return {shop.repeated, shop.title(splash)}
    """
    assert with_modules.main(script, url=f"{pages.url}/plain") == {"1": "abab", "2": "Plain"}


def test_a_module_adds_methods_to_splash(with_modules: Client, pages: Pages) -> None:
    script = "require('shop') return splash:shop_title(args.url)"
    assert with_modules.main(script, url=f"{pages.url}/plain") == "Plain"
    assert "shop_title" in with_modules.script_error("splash:shop_title('x')")["message"]


@pytest.mark.parametrize("name", ["inner", "splash", "absent", "../shop", "os", "package"])
def test_a_script_cannot_require_other_modules(with_modules: Client, folder: Path, name: str) -> None:
    info = with_modules.script_error(f"require('{name}')")
    assert f"module '{name}' not found" in info["message"]
    assert str(folder) not in str(info)


def test_an_error_in_a_module_does_not_show_its_folder(with_modules: Client, folder: Path) -> None:
    info = with_modules.script_error("\nrequire('broken')")
    assert "broken" in info["message"]
    assert info["line_number"] == 3
    assert str(folder) not in str(info)


def test_without_a_sandbox_scripts_have_all_of_lua(open_server: Client) -> None:
    assert open_server.main("return string.rep('a', 3)") == "aaa"
    assert open_server.main("return type(os.getenv('PATH'))") == "string"
    loop = "local n = 0 for i = 1, 20000000 do n = n + 1 end return n"
    assert open_server.main(loop) == "20000000"


def test_without_a_sandbox_errors_have_the_same_form(open_server: Client) -> None:
    info = open_server.script_error("local a\nreturn a.b")
    assert (info["type"], info["line_number"]) == ("LUA_ERROR", 3)
