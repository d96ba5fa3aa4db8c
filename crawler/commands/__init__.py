"""Commands of ``scrapy``. Each file is one command and has its name."""
