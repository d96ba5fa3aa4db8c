"""A script ends at its timeout or its limits, even inside of C functions and of its own error handlers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.renderer.conftest import Client

GROW = "local function grow(n) local s = 'a' for i = 1, n do s = s .. s end return s end\n"
# Calls of C functions that do not return in time.
HOSTILE = {
    "a handler that never ends": "xpcall(error, function() while true do end end)",
    "a pattern on a long text": "grow(19):find('.-b')",
    "two repetitions on a short text": "while true do grow(13):find('.-.-b') end",
    "a long text reversed": "local s = grow(24) while true do s:reverse() end",
    "many values": "local t = {} for i = 1, 200000 do t[i] = i end while true do table.unpack(t, 1, 200000) end",
    "memory that runs out": "while true do pcall(function() local s = grow(20) while true do s = s .. s end end) end",
    "many texts": "local t = {} for i = 1, 1e8 do t[i] = 'x' .. i end",
    "a result that contains itself twice": "local t = {} t[1] = t t[2] = t return t",
    "an argument that contains itself twice": "local t = {} t[1] = t t[2] = t json.encode(t)",
}


def test_no_script_is_answered_later_than_its_timeout(splash: Client) -> None:
    def send(body: str) -> int:
        return splash.post("/run", lua_source=GROW + body, timeout=1).status

    with ThreadPoolExecutor(len(HOSTILE)) as threads:
        answers = threads.map(send, HOSTILE.values())
        assert set(answers) <= {400, 504}
    assert splash.main("return 'fine'") == "fine"


def test_a_script_cannot_catch_the_error_of_its_limits(splash: Client) -> None:
    for body in (HOSTILE["a handler that never ends"], HOSTILE["memory that runs out"]):
        assert "script uses too much" in splash.script_error(GROW + body)["message"]
