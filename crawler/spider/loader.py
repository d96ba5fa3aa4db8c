"""Scrapy's loader of spiders: a file that cannot be loaded is one line on stderr; the other spiders are loaded."""

from __future__ import annotations

import difflib
import pkgutil
import sys
import traceback
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import scrapy
from scrapy.settings import BaseSettings
from scrapy.spiderloader import SpiderLoader as ScrapySpiderLoader

from models import Row
from models import base as models_base
from models.error_text import error_line


class UnknownSpider(KeyError):
    """There is no spider with this name; the message lists the spiders."""

    def __str__(self) -> str:
        return str(self.args[0])


class SpiderLoader(ScrapySpiderLoader):
    """Loads each module of SPIDER_MODULES by itself.

    Attributes:
        broken: the reason for each module that cannot be loaded, with its file and line.
    """

    _announced: set[str] = set()  # modules whose reason this process has printed  # noqa: RUF012

    def __init__(self, settings: BaseSettings) -> None:
        self.broken: dict[str, str] = {}
        super().__init__(settings)

    def _load_all_spiders(self) -> None:
        for name in self.spider_modules:
            for module in self._modules(name):
                self._load_spiders(module)
        self._check_name_duplicates()

    def _modules(self, name: str) -> Iterator[ModuleType]:
        """Import the module and all modules below it; note those that cannot be imported."""
        module = self._imported(name)
        if module is None:
            return
        yield module
        for found in pkgutil.iter_modules(getattr(module, "__path__", ())):
            below = f"{name}.{found.name}"
            if found.ispkg:
                yield from self._modules(below)
            elif (imported := self._imported(below)) is not None:
                yield imported
        yield from self._yaml_sites(module)

    def _yaml_sites(self, package: ModuleType) -> Iterator[ModuleType]:
        """Load the YAML files of sites in a package; note those that have a fault."""
        for file in sorted(
            file for folder in getattr(package, "__path__", ()) for file in Path(folder).glob("*.yaml")
        ):
            from crawler.yaml_site.classes import load_site  # noqa: PLC0415 - YAML, only where there is such a file

            name = f"{package.__name__}.{file.stem}"
            if name in sys.modules and sys.modules[name].__file__ != str(file):
                self._note(name, f"{_shown(str(file))}: {file.stem}.py has the same name: rename one of them")
                continue
            try:
                yield load_site(file, name)
            except Exception as error:  # also those of a model: its table may be there already
                self._note(name, _shown_reason(file, error))

    def _note(self, name: str, reason: str) -> None:
        """Note why a module cannot be loaded, and print it once."""
        self.broken[name] = reason
        if name not in self._announced:
            self._announced.add(name)
            print(reason, file=sys.stderr)  # noqa: T201  # logging is not configured yet, and may be off

    def _imported(self, name: str) -> ModuleType | None:
        try:
            module = import_module(name)
            check_models(module)
            return module
        except Exception as error:  # a user's module may raise any error
            self._note(name, import_error(error, name))
            return None

    def load(self, spider_name: str) -> type[scrapy.Spider]:
        try:
            return super().load(spider_name)
        except KeyError:
            raise UnknownSpider(self._unknown(spider_name)) from None

    def _unknown(self, spider_name: str) -> str:
        names = sorted(self.list())
        close = difflib.get_close_matches(spider_name, names, n=1)
        if self.broken:
            hint = f"it may be in a module that cannot be loaded: {', '.join(self.broken)} (see above)"
        elif close:
            hint = f"did you mean {close[0]!r}?"
        elif names:
            hint = f"there are {', '.join(names)}"
        else:
            hint = f"there is no spider at all in {', '.join(self.spider_modules)}"
        return f"there is no spider {spider_name!r}; {hint}"


def check_models(module: ModuleType) -> None:
    """Check the models that a module of spiders names, so that an error in a model is known before the crawl begins.

    Raises:
        ModelError: a model has an error.
    """
    for value in list(vars(module).values()):
        for model in (value, getattr(value, "model", None)):
            if isinstance(model, type) and issubclass(model, Row) and hasattr(model, "__table__"):
                model.fields()


def import_error(error: BaseException, module: str) -> str:
    """Return one line with the file and the line at which the import of ``module`` failed, and the error."""
    if isinstance(error, SyntaxError):
        file, line = error.filename, error.lineno
        why = f"{type(error).__name__}: {error.msg}"
    else:
        frames = [
            frame for frame in traceback.extract_tb(error.__traceback__) if not _is_library(frame.filename)
        ]
        file, line = (frames[-1].filename, frames[-1].lineno) if frames else (None, None)
        why = error_line(error, with_type=True)
    where = f"{_shown(file)}, line {line}" if file else f"the module {module}"
    return f"{where} cannot be loaded: {why}"


def _shown_reason(file: Path, error: BaseException) -> str:
    """Return one line about a YAML file that cannot be loaded."""
    text = error_line(error)
    return text.replace(str(file), _shown(str(file))) if str(file) in text else f"{_shown(str(file))}: {text}"


def _is_library(file: str) -> bool:
    ours = (__file__, models_base.__file__)
    return file.startswith("<") or "site-packages" in file or file.startswith((sys.base_prefix, *ours))


def _shown(file: str) -> str:
    """Return the path of the file, relative to the working directory if it is inside."""
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
