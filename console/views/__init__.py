"""The pages, a blueprint a noun."""
