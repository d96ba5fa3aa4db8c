"""One render.* request: its arguments, the page and the result."""
