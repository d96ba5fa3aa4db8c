"""One site a file: where to start, how to render it, and which XPath fills which column."""
