"""Third-party sites, crawled by ordinary spiders: the rows must be those of the sites' own APIs."""
