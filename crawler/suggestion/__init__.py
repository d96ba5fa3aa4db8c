"""Suggestions for a new site: the repeated record of a list page, its fields, and a module that reads them."""
