"""The tables of the crawls that workers share."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from models import Row
from models.types import ExactString
from tests.pipelines.own_tables import set_apart


class HostPage(Row):
    """A page of a host."""

    __tablename__ = "test_host_page"

    host: Mapped[str] = mapped_column(ExactString(40), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    title: Mapped[str] = mapped_column(ExactString(100))


class HostTag(Row):
    """A tag that pages of all hosts name: partitions write its row at the same time."""

    __tablename__ = "test_host_tag"

    name: Mapped[str] = mapped_column(ExactString(20), primary_key=True)
    text: Mapped[str] = mapped_column(ExactString(100))
    last_host: Mapped[str] = mapped_column(ExactString(40))  # of the page that was committed last


set_apart(HostPage, HostTag)
