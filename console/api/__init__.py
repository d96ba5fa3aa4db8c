"""The JSON API, a blueprint a noun: what the pages show and do, for programs."""
