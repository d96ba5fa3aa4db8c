"""The application: its configuration, its blueprints, and what each request goes through."""

from __future__ import annotations

from importlib import import_module

from apiflask import APIFlask
from sqlalchemy import Engine
from werkzeug.middleware.proxy_fix import ProxyFix

from console import database, errors, live, renderer_watch, texts
from console.api import document
from console.config import ConsoleConfig
from console.security import headers, identity, same_site, text_input

# The modules with a blueprint: pages, and parts of the API.
VIEWS = (
    "login",
    "account",
    "people",
    "today",
    "runs",
    "changes",
    "tables",
    "pages",
    "schedules",
    "frontier",
    "events",
    "renderers",
    "orders",
)
API = (
    "document",
    "today",
    "runs",
    "changes",
    "tables",
    "pages",
    "schedules",
    "frontier",
    "events",
    "renderers",
    "orders",
)


def create_app(config: ConsoleConfig, engine: Engine) -> APIFlask:
    """Return the application on this database.

    Raises:
        OSError, SyntaxError: the file of the configuration cannot be read.
    """
    app = APIFlask("console", title="Splashdown", version="1", docs_path=None, spec_path=None)
    app.config.from_mapping(config.for_flask())
    if config.file is not None:
        app.config.from_pyfile(str(config.file.absolute()))
    if proxies := app.config["PROXIES"]:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies, x_prefix=proxies
        )
    database.init(app, engine)
    headers.init(app)
    text_input.init(app)
    identity.init(app)
    same_site.init(app)
    texts.init(app)
    errors.init(app)
    live.init(app, engine)
    renderer_watch.init(app)
    document.init(app)
    for name in VIEWS:
        app.register_blueprint(import_module(f"console.views.{name}").blueprint)
    for name in API:
        app.register_blueprint(import_module(f"console.api.{name}").blueprint, url_prefix="/api/v1")
    return app
