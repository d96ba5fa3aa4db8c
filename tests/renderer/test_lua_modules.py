"""Lua modules of whoever runs the server, and a server without a sandbox."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import server
from tests.renderer.conftest import Client


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
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
def with_modules(folder) -> Iterator[Client]:
    options = ("--lua-package-path", f"{folder}/?.lua", "--lua-sandbox-allowed-modules", "shop;broken;absent")
    with server("renderer", "--port", "0", "--exit-with-stdin", *options) as url:
        yield Client(url)


@pytest.fixture(scope="module")
def open_server() -> Iterator[Client]:
    with server("renderer", "--port", "0", "--exit-with-stdin", "--disable-lua-sandbox") as url:
        yield Client(url)


def test_an_allowed_module_is_found(with_modules, pages):
    script = """
    local shop = require("shop")
    splash:go(args.url)
    return {shop.repeated, shop.title(splash)}
    """
    assert with_modules.main(script, url=f"{pages.url}/plain") == {"1": "abab", "2": "Plain"}


def test_a_module_can_give_splash_more_methods(with_modules, pages):
    script = "require('shop') return splash:shop_title(args.url)"
    assert with_modules.main(script, url=f"{pages.url}/plain") == "Plain"
    assert "shop_title" in with_modules.script_error("splash:shop_title('x')")["message"]


@pytest.mark.parametrize("name", ["inner", "splash", "absent", "../shop", "os", "package"])
def test_other_modules_are_not_found(with_modules, folder, name):
    info = with_modules.script_error(f"require('{name}')")
    assert f"module '{name}' not found" in info["message"]
    assert str(folder) not in str(info)


def test_an_error_of_a_module_does_not_tell_where_it_lies(with_modules, folder):
    info = with_modules.script_error("\nrequire('broken')")
    assert "broken" in info["message"]
    assert info["line_number"] == 3
    assert str(folder) not in str(info)


def test_without_a_sandbox_scripts_have_all_of_lua(open_server):
    assert open_server.main("return string.rep('a', 3)") == "aaa"
    assert open_server.main("return type(os.getenv('PATH'))") == "string"
    loop = "local n = 0 for i = 1, 20000000 do n = n + 1 end return n"
    assert open_server.main(loop) == "20000000"


def test_without_a_sandbox_errors_are_told_the_same(open_server):
    info = open_server.script_error("local a\nreturn a.b")
    assert (info["type"], info["line_number"]) == ("LUA_ERROR", 3)
