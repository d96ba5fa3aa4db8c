"""The project's settings with the spiders of the tests of runs, also for the processes that a scheduler starts."""

from crawler.settings import *  # noqa: F403

SPIDER_MODULES = ["tests.frontier.run_spiders"]
