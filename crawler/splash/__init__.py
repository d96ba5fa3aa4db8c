"""scrapy-splash on today's Scrapy, and the only folder that knows Splash's arguments."""
