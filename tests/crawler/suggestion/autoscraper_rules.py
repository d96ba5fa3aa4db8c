"""Run by a Python that has autoscraper: print the columns that it finds with the values of the first record."""

from __future__ import annotations

import json
import sys

from autoscraper import AutoScraper


def main() -> None:
    question = json.load(sys.stdin)
    scraper = AutoScraper()
    scraper.build(url=question["url"], html=question["html"], wanted_list=question["wanted"])
    columns = scraper.get_result_similar(
        url=question["url"], html=question["html"], grouped=True, unique=False, keep_order=True
    )
    json.dump(columns, sys.stdout)


if __name__ == "__main__":
    main()
