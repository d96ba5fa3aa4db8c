"""A run: its start, its end, its verdict and its alarms."""
