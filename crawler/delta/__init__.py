"""Delta crawls: which pages did not change since the last crawl, so that they are not fetched again."""
