"""Exports of tables and changes as files."""
