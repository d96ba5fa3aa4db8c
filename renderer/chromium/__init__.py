"""Chromium as a process, and the protocol that controls it."""
