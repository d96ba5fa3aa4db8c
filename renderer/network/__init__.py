"""The requests of a page: the renderer records, changes and refuses them."""
