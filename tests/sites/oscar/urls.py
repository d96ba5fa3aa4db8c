"""The URLs of the shop: Oscar's own, and those that Oscar needs of Django."""

from __future__ import annotations

from django.apps import apps
from django.conf.urls.i18n import i18n_patterns  # noqa: F401 - Oscar's templates use set_language
from django.urls import include, path

urlpatterns = [
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include(apps.get_app_config("oscar").urls[0])),
]
