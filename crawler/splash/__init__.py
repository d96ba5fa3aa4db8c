"""scrapy-splash on current Scrapy. No other folder reads or writes Splash's arguments."""
