"""Crawls that write metrics, and the values of a Prometheus text."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from crawler.metrics.textfile import file_of
from tests.crawler.fake_shop_site import FakeShop
from tests.crawler.shop_crawls import ShopCrawls


class Values(dict[str, float]):
    """The values of a Prometheus text by "name" or "name label label": labels in their order, without the spider."""

    def __init__(self, text: str) -> None:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labels = [value for name, value in sorted(sample.labels.items()) if name != "spider"]
                name = " ".join([sample.name.removeprefix("splashdown_"), *labels])
                assert name not in self, name
                self[name] = sample.value


class MetricsCrawls(ShopCrawls):
    """Crawls of one FakeShop that leave their metrics in a folder."""

    def __init__(self, folder: Path, site: FakeShop) -> None:
        super().__init__(site, f"sqlite:///{folder}/metrics.db")
        self.folder = folder / "metrics"

    @property
    def env(self) -> dict[str, str]:
        return super().env | {"METRICS_FOLDER": str(self.folder)}

    @property
    def file(self) -> Path:
        return file_of(self.folder, "shop")

    def last(self) -> Values:
        """Return the metrics of the last run, from its file."""
        return Values(self.file.read_text())
