"""A module that cannot be loaded, beside one that can."""

raise RuntimeError("this file is broken on purpose")
