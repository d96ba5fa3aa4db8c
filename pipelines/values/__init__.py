"""Readers: functions that make a column's value from an item's value, a module for each kind of column."""
