"""Splash's HTTP API: routes, access control, saved arguments, start options, the page at /."""
