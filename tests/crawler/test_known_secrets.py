"""Redaction knows the values of secrets in settings and arguments, and no other values."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from scrapy.settings import Settings

from crawler.security.known_secrets import remember_arguments, remember_settings
from models.redaction import forget_all, redacted


@pytest.fixture(autouse=True)
def no_known_secrets() -> Iterator[None]:
    forget_all()
    yield
    forget_all()


def test_redaction_knows_the_secrets_of_settings() -> None:
    remember_settings(
        Settings(
            {
                "DATABASE_URL": "mysql+pymysql://me:data%40base@db.example/d",
                "SPLASH_URL": "http://me:splash-one@a.example http://me:splash@two@b.example",
                "SPLASH_PASS": "splash-pass",
                "ALERT_URLS": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ, json://alarm.example.org/x",
                "USER_AGENT": "Splashdown",
            }
        )
    )
    secrets = "data%40base data@base splash-one splash@two splash-pass TIiajkdnlazkcOXrIdevi7FQ"
    assert redacted(secrets) == "*** *** *** *** *** ***"
    others = "db.example alarm.example.org Splashdown json me guest"
    assert redacted(others) == others


def test_redaction_knows_the_passwords_of_brokers_and_the_whole_address_of_a_webhook() -> None:
    """The user of a broker may have the name of our loggers: it is no secret."""
    remember_settings(
        Settings(
            {
                "BROKER_URL": "amqp://splashdown:rabbit-pass@host/shop-virtual-host?queue=splashdown.work "
                "https://hooks.example/services/T0KENT0KENT0KEN?webhook_secret=whsec_0123456789",
                "WORKERS_URL": "amqp://splashdown:worker-pass@host/",
            }
        )
    )
    secrets = "rabbit-pass worker-pass T0KENT0KENT0KEN whsec_0123456789"
    assert redacted(secrets) == "*** *** *** ***"
    others = "splashdown.workers splashdown.work shop-virtual-host host"
    assert redacted(others) == others


def test_redaction_knows_the_secrets_of_arguments() -> None:
    remember_arguments(
        {"password": "hunter2-x", "auth_token": "t0ken-x", "key": "travel", "cat": "shoes-x", "pass": "ab"}
    )
    assert redacted("hunter2-x t0ken-x travel shoes-x ab") == "*** *** travel shoes-x ab"
