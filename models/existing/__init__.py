"""Existing tables: tables of another program that a site feeds. Splashdown adds no column and deletes no row."""
