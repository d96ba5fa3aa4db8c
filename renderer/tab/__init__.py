"""A tab of Chromium: its page, its input, and its cleaning between two renders."""
