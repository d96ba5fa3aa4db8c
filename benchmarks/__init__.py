"""Measurements of speed. Each compares several programs in one run; no test depends on the results."""
