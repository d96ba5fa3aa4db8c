"""Attacks on a console that runs: what is tried, and what comes of it. ``python -m tests.console.attacks``"""
