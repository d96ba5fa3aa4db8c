"""Page, the unit of work: one response and everything that its callback yielded."""
