"""Render scripts: each runs its Lua in a process of its own, and the server carries out its commands."""
