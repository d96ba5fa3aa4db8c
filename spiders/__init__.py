"""The spiders, one file for each site: its URLs, how its pages are rendered, and the XPath of each column."""
