"""Which request is next, and what became of it."""
