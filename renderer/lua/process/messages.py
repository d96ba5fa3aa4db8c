"""The messages between the server and the process of a script.

A message is its length and a MessagePack list. The first value of a request is a ``Request``, that of a reply a
``Reply``. The process handles requests in their order and answers each once.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from enum import IntEnum
from typing import Any

# To the fork server: fork a process for this connection; use this definition of the API from now on.
FORK, DEFINE_API = b"F", b"L"
ApiDefinition = Sequence[Sequence[bytes]]  # calls of functions of splash.lua: a name and its arguments
# A command without arguments that the script may call next, and its result: if the script does, it gets the result
# without another message.
NextCommand = tuple[str, Any]

RENEW = b""  # the message that gives a process a new Lua for another script, and its reply

LENGTH = struct.Struct(">I")
OUT_OF_MEMORY = "script uses too much memory"
MAX_RESULT = 64 * 1024 * 1024
# A result and the rest of its message.
MAX_MESSAGE = MAX_RESULT + 1024 * 1024


class NotConvertible(Exception):
    """A value that cannot go from Lua to the server, or from the server to Lua."""


class Request(IntEnum):
    """The kinds of requests. Next come the numbers of functions to forget, and whether to collect garbage."""

    START = 1  # source, arguments, API or None -> REFUSED, or the first step of the script's main function
    RUN = 2  # number of the function, Wanted, arguments -> the first step
    # thread, whether the command succeeded, its results or its message, NextCommand or None -> the next step
    RESUME = 3


class Reply(IntEnum):
    """The kinds of replies. Next come the numbers of objects to forget, and the failures of library commands."""

    REFUSED = 1  # kind of error, text
    COMMAND = 2  # thread, name, arguments
    BAD_ARGUMENTS = 3  # thread, name, why the arguments cannot leave Lua
    BAD_RESULTS = 4  # thread, why the command's results cannot go to Lua
    RETURNED = 5  # the wanted results
    BAD_RETURN = 6  # why the results cannot leave Lua
    FAILED = 7  # text of the error
    BROKEN = 8  # a fault of the process itself: its traceback


class Wanted(IntEnum):
    """The results of a function that the server wants."""

    NOTHING = 0
    VALUES = 1
    ANSWER = 2  # the body of the answer to the client


class Body(IntEnum):
    """The kinds of an answer's body."""

    EMPTY = 0
    TEXT = 1  # bytes
    BINARY = 2  # a binary object of the server
    JSON = 3  # a list of bytes and of binary objects, which the server writes in base64
    TOO_LARGE = 4


class Kind(IntEnum):
    """MessagePack's extension types, for values other than numbers, texts, lists and tables."""

    FUNCTION = 1
    BINARY = 2
    ELEMENT = 3
    EVENT = 4
    TIMER = 5
    HTTP_OBJECT = 6
    BYTES = 7


# The kinds of objects that the server keeps by number until Lua releases them.
KEPT = {Kind.BINARY: b"binary", Kind.ELEMENT: b"element", Kind.EVENT: b"event"}
