"""The settings of a project: scrapy.cfg names this module, in a checkout and for an installed Splashdown."""

from crawler.settings import *  # noqa: F403
