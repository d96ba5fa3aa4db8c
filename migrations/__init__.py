"""Alembic's migrations: one file a step, never changed once it has been released."""
