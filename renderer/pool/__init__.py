"""The pool of tabs, and the limits of memory."""
