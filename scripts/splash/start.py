"""Start Splash 3.5 (of 2020) on Python 3.11 and Qt 5.15: what these no longer accept is accepted again.

Its options are Splash's own: ``start.py --ip 127.0.0.1 --port 8050``. Made to run by scripts/splash/build.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterable
from typing import Any

from PyQt5 import QtCore

_loads = json.loads
_start_timer = QtCore.QTimer.start


def _loads_without_encoding(*args: Any, **kwargs: Any) -> Any:
    kwargs.pop("encoding", None)  # gone in Python 3.9
    return _loads(*args, **kwargs)


# Since Python 3.10 the bindings refuse a float where Qt wants a whole number.
def _whole(numbers: Iterable[Any]) -> list[Any]:
    return [int(number) if isinstance(number, float) else number for number in numbers]


class _Point(QtCore.QPoint):
    def __init__(self, *args: Any) -> None:
        super().__init__(*_whole(args))


def main() -> None:
    json.loads = _loads_without_encoding
    QtCore.QTimer.start = lambda timer, *args: _start_timer(timer, *_whole(args))
    QtCore.QPoint = _Point
    sys.argv[0] = "splash"

    # Only now, for it takes those names out of their modules.
    importlib.import_module("splash.server").main()


if __name__ == "__main__":
    main()
