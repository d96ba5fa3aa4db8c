"""Random hostile scripts: statements that take long, use memory, fail and never end."""

from __future__ import annotations

from random import Random

CLASSES = (
    *"abcx.",
    "%a",
    "%d",
    "%s",
    "%w",
    "%W",
    "[ab]",
    "[^b]",
    "[%w_]",
    "(a)",
    "()",
    "%b()",
    "%f[%w]",
    "%1",
)
QUANTIFIERS = ("", "", "*", "+", "-", "?")
STOPS = ("b", "z", "$", "", "%z")


def pattern(random: Random) -> str:
    """Return a pattern; the matching of most of them backtracks a lot."""
    if random.random() < 0.3:
        return ".-" * random.randint(1, 4) + "b"
    parts = (random.choice(CLASSES) + random.choice(QUANTIFIERS) for _ in range(random.randint(1, 6)))
    return random.choice(("", "^")) + "".join(parts) + random.choice(STOPS)


def text(random: Random, largest: int = 24) -> str:
    """Return an expression whose value is a long text."""
    seed = random.choice(("a", "ab", "a(", "\\0", "\\255", "x ", "1"))
    return f"grow('{seed}', {random.randint(0, largest)})"


def number(random: Random) -> str:
    """Return an expression whose value is a number or is taken for one."""
    return random.choice(("0", "1", "-1", "0.5", "1e6", "2^31", "2^53", "1e308", "0/0", "1/0", "nil", "'7'"))


def call(random: Random) -> str:
    """Return a statement that calls a function in C."""
    short, long = text(random, 14), text(random)
    return random.choice(
        (
            f"{short}:find('{pattern(random)}')",
            f"{long}:find('{pattern(random)}')",
            f"{long}:reverse()",
            f"{long}:upper():lower()",
            f"{long}:sub({number(random)}, {number(random)})",
            f"{long}:byte(1, {random.choice((10, 7000, 200000, 10**7))})",
            f"string.format('%99d %s %q', {number(random)}, {long}, {short})",
            f"string.char(table.unpack(list({random.choice((10, 1000, 200000))})))",
            f"table.unpack(list({random.choice((1000, 200000))}), 1, {random.choice((1000, 200000, 10**6))})",
            f"select('#', table.unpack(list({random.choice((1000, 200000))})))",
            f"table.concat(list({random.choice((100, 100000))}), {short})",
            f"local t = list({random.choice((1000, 100000))}) for i = 1, 1e5 do table.insert(t, 1, i) end",
            f"local t = list({random.choice((1000, 100000))}) while #t > 0 do table.remove(t, 1) end",
            f"tonumber({long}, {random.randint(2, 36)})",
            f"tostring({short} .. {long})",
            f"json.encode({{{long}, {short}}})",
            f"json.decode(grow('[', {random.randint(0, 20)}))",
            "json.decode('[' .. grow('1,', 18) .. '1]')",
            f"base64.encode({long})",
            f"base64.decode({short})",
            f"treat.as_binary({long}, 'text/plain')",
            f"treat.as_string(treat.as_binary({short}, 'x'))",
            "json.encode(itself())",
            "error(itself())",
            f"error({short})",
            f"math.random({number(random)})",
            f"os.difftime({number(random)}, {number(random)})",
        )
    )


def splash_call(random: Random, inner: str) -> str:
    """Return a statement that calls a command of the renderer."""
    return random.choice(
        (
            f"splash:wait({random.choice(('0', '0.01', '0.3', '30', '-1'))})",
            f"splash:with_timeout(function() {inner} end, {random.choice(('0', '0.05', '0.5', '9'))})",
            f"splash:call_later(function() {inner} end, {random.choice(('0', '0.02', '0.4'))}) splash:wait(0.1)",
            "for i = 1, 300 do splash:call_later(function() splash:wait(9) end, 0) end splash:wait(0.1)",
            f"splash:on_request(function(request) {inner} end) splash:go('http://127.0.0.1:9/')",
            f"splash:set_content({text(random, 18)})",
            f"splash:runjs({text(random, 18)})",
            f"splash:jsfunc('function (x) {{ return x }}')({text(random, 18)})",
            f"splash:evaljs('[1, [2, {{a: 3}}]]') {inner}",
            f"splash:set_user_agent({text(random, 12)})",
            f"splash:set_result_header('X-A', {text(random, 10)})",
            "splash:select('body')",
            "splash:html()",
            "splash:har()",
            "splash:jsfunc(itself)",
            "for i = 1, 200 do splash:jsfunc('function () {}') end",
            "for i = 1, 500 do pcall(splash.wait, splash, -1) end",
            "for i = 1, 50 do treat.as_binary(grow('a', 22), 'x') end",
            "splash:stop()",
            "splash:evaljs('while (true) {}')",
        )
    )


def statement(random: Random, depth: int = 3) -> str:
    """Return a statement, with nested loops and calls of pcall."""
    if depth <= 0:
        return call(random)
    inner = statement(random, depth - 1)
    kind = random.random()
    if kind < 0.25:
        return call(random)
    if kind < 0.35:
        return splash_call(random, inner)
    return random.choice(
        (
            f"while true do {inner} end",
            f"for i = 1, {random.choice((3, 1000, 10**9))} do {inner} end",
            f"repeat {inner} until false",
            f"pcall(function() {inner} end)",
            f"while true do pcall(function() {inner} end) end",
            f"xpcall(function() {inner} end, function() {statement(random, depth - 2)} end)",
            f"xpcall(error, function() {inner} end)",
            "xpcall(error, function() while true do end end)",
            "xpcall(error, error)",
            "local function f() return f() end f()",
            "local function f() f() end f()",
            f"local function f() pcall(f) {inner} end f()",
            "local t = {} for i = 1, 1e8 do t[i] = 'x' .. i end",
            "local t = {} for i = 1, 1e8 do t = {t} end",
            "local s = 'x' while true do s = s .. s end",
            "while true do pcall(function() local s = 'x' while true do s = s .. s end end) end",
            f"keep[#keep + 1] = {text(random)}",
            f"{inner} {statement(random, depth - 1)}",
            f"if {number(random)} then {inner} end",
        )
    )


def result(random: Random) -> str:
    """Return an expression for the script's result."""
    return random.choice(
        (
            *("nil", "1", "'fine'", "{}", "function() end", "splash", "itself()", "twice_itself()", "keep"),
            *(
                text(random, 25),
                f"list({random.choice((10, 10**5))})",
                f"deep({random.choice((50, 99, 10**4))})",
            ),
            *(
                "table.unpack(list(100000))",
                "{[{}] = 1}",
                "{[function() end] = 1}",
                "treat.as_array({1, nil, 3})",
            ),
            "{treat.as_binary(grow('a', 20), 'x'), {b = treat.as_binary('b', 'y')}}",
        )
    )


HELPERS = """
local keep = {}
local function grow(s, n) for i = 1, n do s = s .. s end return s end
local function list(n) local t = {} for i = 1, n do t[i] = i % 100 end return t end
local function deep(n) local t = {} for i = 1, n do t = {t} end return t end
local function itself() local t = {} t.t = t return t end
local function twice_itself() local t = {} t[1] = t t[2] = t return t end
"""


def script(random: Random) -> str:
    """Return a complete script."""
    body = " ".join(f"do {statement(random)} end" for _ in range(random.randint(1, 3)))
    return f"function main(splash)\n{HELPERS}{body}\ndo return {result(random)} end\nend"
