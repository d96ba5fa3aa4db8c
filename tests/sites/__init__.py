"""Sites that nobody here wrote, crawled by ordinary spiders: the rows must be what they know."""
