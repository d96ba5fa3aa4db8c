"""Commands of ``scrapy``. Each file is one command and has its name.

Scrapy imports all commands each time, so what only one command needs is imported in its functions.
"""
