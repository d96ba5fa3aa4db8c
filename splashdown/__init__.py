"""What a project imports from Splashdown: base classes of spiders and models, column types, readers of pages.

In the checkout this package is beside the rooms (``crawler/``, ``models/``, ...). In an installed Splashdown it
contains them, so that a project may have folders with these names: ``scripts/lib/relocation.py`` writes it so.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crawler.yaml_site.page_values import jsonld_value, text_of, url_of
    from models.base import Row
    from models.existing.definition import existing
    from models.types import Choice, ExactNumeric, ExactString, ListOf, LongText, UtcDateTime
    from spiders.base import SiteSpider
    from splashdown.database import open_engine

__all__ = [
    "Choice",
    "ExactNumeric",
    "ExactString",
    "ListOf",
    "LongText",
    "Row",
    "SiteSpider",
    "UtcDateTime",
    "existing",
    "jsonld_value",
    "open_engine",
    "text_of",
    "url_of",
]

_TYPES = "models.types"
_VALUES = "crawler.yaml_site.page_values"
_MODULES = {
    "Row": "models.base",
    "SiteSpider": "spiders.base",
    "existing": "models.existing.definition",
    "jsonld_value": _VALUES,
    "open_engine": "splashdown.database",
    "text_of": _VALUES,
    "url_of": _VALUES,
}


def __getattr__(name: str) -> Any:
    """Return a public name. Its module is imported only now: the renderer imports this package and needs none."""
    if name == "types":  # for the revisions of a project
        return import_module(_TYPES)
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES.get(name, _TYPES)), name)
