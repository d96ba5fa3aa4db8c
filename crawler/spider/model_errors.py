"""An error in a model is one line on stderr, whichever module imports the model first."""

from __future__ import annotations

import sys
from types import TracebackType

NAME = "models.base.ModelError"  # by name, since importing the class would import the models


def show_in_one_line() -> None:
    """Have an uncaught ModelError end the process with its message and exit code 1, from now on."""
    before = sys.excepthook

    def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if f"{kind.__module__}.{kind.__qualname__}" == NAME:
            print(f"{error}", file=sys.stderr)  # noqa: T201  # logging may not be configured yet
        else:
            before(kind, error, trace)

    sys.excepthook = show
