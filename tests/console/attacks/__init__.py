"""Attacks on a console that runs: ``python -m tests.console.attacks``."""
