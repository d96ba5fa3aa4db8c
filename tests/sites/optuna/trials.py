"""A spider for optuna-dashboard, a React application over XHR, as a user of ours would write it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

from scrapy.http import Response
from sqlalchemy.orm import Mapped, mapped_column

from models import Row
from models.types import ExactNumeric, ExactString
from spiders.base import SiteSpider


class Trial(Row):
    __tablename__ = "optuna_trial"

    trial_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    study: Mapped[str] = mapped_column(ExactString(100))
    number: Mapped[int]
    state: Mapped[str] = mapped_column(ExactString(20))
    value: Mapped[Decimal] = mapped_column(ExactNumeric(14, 6), info={"decimal": "."})
    x: Mapped[Decimal] = mapped_column(ExactNumeric(14, 6), info={"decimal": "."})


class TrialsSpider(SiteSpider):
    name = "trials"
    model = Trial
    site = ""

    def __init__(self, *args: Any, patience: str = "40", **arguments: Any) -> None:
        super().__init__(*args, patience=patience, **arguments)
        self.wait_timeout = float(
            patience
        )  # a page with plotly.js takes seconds, and the machine may be busy

    async def start(self) -> AsyncIterator[Any]:
        yield self.render(f"{self.site}/dashboard/", self.parse_studies, wait_for="//main//a//h5")

    def parse_studies(self, response: Response) -> Iterator[Any]:
        for study in response.xpath("//main//a[.//h5]"):
            url = response.urljoin(study.attrib["href"] + "/trials")
            name = study.xpath("substring-after(.//h5, '. ')").get()
            yield self.render(
                url,
                self.parse_trials,
                wait_for="//li//*[starts-with(., 'Trial ')]",
                cb_kwargs={"study": name},
            )

    def parse_trials(self, response: Response, study: str) -> Iterator[Any]:
        for name in response.xpath("//li//span[starts-with(., 'Trial ')]/text()").getall():
            number = name.removeprefix("Trial ")
            yield self.render(
                f"{response.url}?numbers={number}",
                self.parse_trial,
                wait_for=f"//h4[starts-with(., 'Trial {number} (trial_id=')]",
                cb_kwargs={"study": study},
            )

    def parse_trial(self, response: Response, study: str) -> Iterator[Any]:
        trial = response.xpath("//main")
        yield {
            "trial_id": trial.xpath("substring-before(substring-after(.//h4, '='), ')')").get(),
            "study": study,
            "number": trial.xpath("substring-before(substring-after(.//h4, ' '), ' ')").get(),
            "state": trial.xpath("string(.//h4/following-sibling::div//span)").get(),
            "value": trial.xpath("string(.//p[.='Value']/following-sibling::div)").get(),
            "x": trial.xpath("substring-after(.//p[starts-with(., 'x ')], ' ')").get(),
        }
