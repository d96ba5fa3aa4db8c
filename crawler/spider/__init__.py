"""Spider classes: their loading, their arguments and their models."""
