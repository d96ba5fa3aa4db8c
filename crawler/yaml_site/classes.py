"""Makes the model and the spider of a YAML file, in a module like that of a Python file."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from scrapy.http import TextResponse
from scrapy.utils.misc import load_object
from sqlalchemy.orm import mapped_column

from crawler.yaml_site.definition import SiteDefinition, read_definition
from crawler.yaml_site.page_values import item_of, select, text_of
from models.base import Row

SITE_SPIDER = "spiders.base.SiteSpider"  # of a higher room


def load_site(file: Path, name: str) -> ModuleType:
    """Return the module of a YAML file, with its model and its spider; Python has it by this name from now on.

    Raises:
        SiteFileError: the file has a fault.
        OSError: it cannot be read.
    """
    if name in sys.modules:
        return sys.modules[name]
    definition = read_definition(file)
    module = ModuleType(name, f"The site {definition.name}, from {file.name}.")
    module.__file__ = str(file)
    model = model_of(definition, name)
    spider = spider_of(definition, model, name)
    module.RECORD = definition.record  # type: ignore[attr-defined]  # as in the Python file of a site
    setattr(module, model.__name__, model)
    setattr(module, spider.__name__, spider)
    sys.modules[name] = module
    return module


def model_of(definition: SiteDefinition, module: str) -> type[Row]:
    """Return the model of a site's table."""
    columns = {
        one.name: mapped_column(
            one.column_type,
            primary_key=one.name in definition.key,
            nullable=not one.required,
            autoincrement=False if one.name in definition.key else "auto",
            info=dict(one.info),
        )
        for one in definition.fields
    }
    name = f"{_class_name(definition.name)}Row"
    attributes = {
        "__tablename__": definition.table,
        "__module__": module,
        "__doc__": f"A row of {definition.table}.",
    }
    return type(name, (Row,), attributes | columns)


def _class_name(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def spider_of(definition: SiteDefinition, model: type[Row], module: str) -> type[Any]:
    """Return the spider of a site."""
    base: Any = load_object(SITE_SPIDER)
    site = definition

    async def start(self: Any) -> AsyncIterator[Any]:
        for url in site.start:
            yield list_page(self, url)

    def list_page(self: Any, url: str) -> Any:
        waits = {"wait_for": site.wait_for, "timeout": site.wait_timeout}
        if site.next_button is not None:
            return self.render_pages(url, self.parse, next_button=site.next_button, **waits)
        if site.scroll:
            return self.render_scrolled(url, self.parse, items=str(site.record), **waits)
        return self.render(url, self.parse, **waits)

    def parse(self: Any, response: TextResponse) -> Iterator[Any]:
        """Yield the records of a list page, or the requests for their details, and the next page."""
        for record in select(response, site.record):
            item = item_of(site.list_fields, record, response)
            if site.follow is None:
                yield item
            elif href := text_of(select(record, site.follow)):
                yield self.render(
                    response.urljoin(href),
                    self.parse_detail,
                    wait_for=site.detail_wait_for,
                    timeout=site.detail_wait_timeout,
                    cb_kwargs={"item": item},
                )
        if site.next_page is not None and (href := text_of(select(response, site.next_page))):
            yield list_page(self, response.urljoin(href))

    def parse_detail(self: Any, response: TextResponse, item: dict[str, Any]) -> Iterator[Any]:
        """Yield a record with its details."""
        yield item | item_of(site.detail_fields, response.selector, response)

    attributes: dict[str, Any] = {
        "__module__": module,
        "__doc__": f"The site {site.name}, from {site.file.name}.",
        "name": site.name,
        "model": model,
        "schedule": site.schedule,
        "rendering": site.rendering,
    }
    if not site.needs_renderer:
        attributes["custom_settings"] = {"RENDERER_ENABLED": False}
    for function in (start, parse, parse_detail):
        function.__qualname__, function.__module__ = (
            f"{_class_name(site.name)}Spider.{function.__name__}",
            module,
        )
        attributes[function.__name__] = function
    return type(f"{_class_name(site.name)}Spider", (base,), attributes)
