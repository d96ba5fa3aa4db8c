"""Messages for each page and item, which are made only if a handler shows them."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from crawler.logs.formatter import is_shown


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """Yield a logger that passes its records to one above it, and no further."""
    above = logging.Logger("above", logging.NOTSET)
    below = logging.Logger("above.below", logging.NOTSET)
    below.parent = above
    yield below


def handler(level: int) -> logging.Handler:
    return logging.Handler(level)


@pytest.mark.parametrize(("level", "shown"), [(logging.INFO, False), (logging.DEBUG, True), (0, True)])
def test_a_message_is_shown_if_a_handler_of_a_logger_above_accepts_its_level(
    logger: logging.Logger, level: int, shown: bool
) -> None:
    assert logger.parent is not None
    logger.parent.addHandler(handler(level))
    assert is_shown(logger, logging.DEBUG) is shown


def test_a_handler_of_the_logger_itself_shows_a_message(logger: logging.Logger) -> None:
    assert not is_shown(logger, logging.DEBUG)
    logger.addHandler(handler(logging.DEBUG))
    assert is_shown(logger, logging.DEBUG)


def test_a_logger_that_does_not_propagate_has_only_its_own_handlers(logger: logging.Logger) -> None:
    assert logger.parent is not None
    logger.parent.addHandler(handler(logging.DEBUG))
    logger.propagate = False
    assert not is_shown(logger, logging.DEBUG)


def test_the_level_of_the_logger_hides_a_message(logger: logging.Logger) -> None:
    logger.addHandler(handler(logging.DEBUG))
    logger.setLevel(logging.INFO)
    assert not is_shown(logger, logging.DEBUG)
