"""The format of log lines, and the run that a line belongs to."""
