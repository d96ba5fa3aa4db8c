"""Redaction of secrets, and scraped text made safe to show."""
