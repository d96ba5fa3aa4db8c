"""Checks of downloads: size limits, schemes of links, answers that are cut off."""
