"""The module of an ejected file, for tests that compare it with the YAML site."""

from __future__ import annotations

import sys
from types import ModuleType

from models.base import Base


def ejected_module(text: str, name: str) -> ModuleType:
    """Return the module of an ejected file, whose table no later test knows."""
    module = ModuleType(name)
    sys.modules[module.__name__] = module  # where SQLAlchemy looks up the names of types
    try:
        exec(text, vars(module))
        module.FilmsRow.fields()
        Base.metadata.remove(module.FilmsRow.table())
    finally:
        del sys.modules[module.__name__]
    return module
