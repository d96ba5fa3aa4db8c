"""Commands: the Python functions behind Lua names. A command returns results or fails with a LuaFailure."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from types import CodeType
from typing import Any


class LuaFailure(Exception):
    """The error of a command that failed or that a script called wrongly; the script can catch it with pcall."""

    def __init__(self, message: str, *, bare: bool = False, **info: Any) -> None:
        super().__init__(message)
        self.message = message
        self.bare = bare  # the error has only the message, as in Splash
        self.info = {"type": "SPLASH_LUA_ERROR", "message": message} | info


class Command:
    """A Python function behind a Lua name. If the only argument is a table, it has the arguments by name, as in Splash.

    ``takes_table`` says that the function itself takes a table. The first ``bound`` arguments name the object whose
    method the script calls.
    """

    def __init__(
        self, name: str, function: Callable[..., Any], *, takes_table: bool = False, bound: int = 0
    ) -> None:
        self.name, self._function, self._takes_table = name, function, takes_table
        self._bound = bound

    async def __call__(self, arguments: Sequence[Any]) -> Any:
        """Call the function and return its result.

        Raises:
            LuaFailure: the arguments do not match the function's parameters, or the function failed.
        """
        parameters, takes_rest = _parameters_of(self._function)
        bound, positional, named = list(arguments[: self._bound]), list(arguments[self._bound :]), {}
        has_only_a_table = len(positional) == 1 and isinstance(positional[0], dict)
        if has_only_a_table and not self._takes_table and not takes_rest:
            table = positional[0]
            last = max((key for key in table if isinstance(key, int)), default=0)
            if last > len(parameters):
                raise LuaFailure(f"{self.name}() takes at most {len(parameters)} arguments")
            positional = [table.get(number) for number in range(1, last + 1)]
            named = {str(key): value for key, value in table.items() if not isinstance(key, int)}
        positional = bound + positional
        if not takes_rest:
            self._check(parameters, positional, named)
        try:
            result = self._function(*positional, **named)
            return await result if inspect.isawaitable(result) else result
        except LuaFailure as failure:
            failure.info.setdefault("splash_method", self.name.rpartition(".")[2])
            raise

    def _check(self, parameters: Parameters, positional: Sequence[Any], named: Mapping[str, Any]) -> None:
        names = [parameter.name for parameter in parameters]
        method = self.name.rpartition(".")[2]
        for name in named:
            if name in names[: len(positional)]:
                raise LuaFailure(
                    f"{method}() got multiple values for argument '{name}'", splash_method=method
                )
            if name not in names:
                raise LuaFailure(f"{method}() got an unexpected argument '{name}'", splash_method=method)
        # Additions to Splash have only names, so that a call with too many arguments fails as on Splash.
        most = sum(parameter.kind is not inspect.Parameter.KEYWORD_ONLY for parameter in parameters)
        if len(positional) > most:
            raise LuaFailure(f"{method}() takes at most {most} arguments", splash_method=method)
        missing = [
            parameter.name
            for parameter in parameters[len(positional) :]
            if parameter.default is inspect.Parameter.empty and parameter.name not in named
        ]
        if missing:
            arguments = "argument" if len(missing) == 1 else "arguments"
            raise LuaFailure(
                f"{method}() missing {len(missing)} required positional {arguments}: {', '.join(missing)}",
                splash_method=method,
                argument=missing[0],
            )


Parameters = tuple[inspect.Parameter, ...]


def _parameters_of(function: Callable[..., Any]) -> tuple[Parameters, bool]:
    """Return the parameters of a function without ``*rest``, and whether the function has ``*rest``."""
    code = getattr(function, "__code__", None)
    if code is None:
        return _read_parameters(function)
    key = (code, function.__defaults__, inspect.ismethod(function))
    if key not in _KNOWN:
        _KNOWN[key] = _read_parameters(function)
    return _KNOWN[key]


# Each script has its own commands, but their functions are the same: inspect each function once.
_KNOWN: dict[tuple[CodeType, Any, bool], tuple[Parameters, bool]] = {}


def _read_parameters(function: Callable[..., Any]) -> tuple[Parameters, bool]:
    every = inspect.signature(function).parameters.values()
    parameters = tuple(item for item in every if item.kind is not inspect.Parameter.VAR_POSITIONAL)
    return parameters, len(parameters) < len(every)


class Results(tuple[Any, ...]):
    """The results of a command that returns several."""


def as_number(value: Any) -> float:
    """Return a number, or the number that a text contains, as Lua does; raise ValueError for any other value."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{value!r} is not a number")
    return float(value)


def text_argument(text: Any) -> str:
    """Return the argument ``text`` of ``send_text`` and ``send_keys``; raise LuaFailure unless it is a string."""
    if not isinstance(text, str):
        raise LuaFailure("what is sent must be a string", argument="text")
    return text
