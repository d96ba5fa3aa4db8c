"""Alembic's migrations: a file for each revision. A released migration is never changed."""
