"""Commands of ``scrapy``, one a file; a file's name is its command's."""
