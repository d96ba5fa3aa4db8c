"""The API of renderers: which are up, and what the running crawls use."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint, Schema, fields

from console.api.run_schemas import RunRow
from console.database import now, reading
from console.queries import renderers as queries
from console.renderer_watch import renderer_watch

blueprint = APIBlueprint("api_renderers", __name__, tag="renderers")


class RendererRow(Schema):
    """What a renderer said when it was asked last; null: it did not say it."""

    address = fields.String(required=True, metadata={"description": "without credentials"})
    is_up = fields.Boolean(
        required=True, allow_none=True, metadata={"description": "null: it is being asked; ask again"}
    )
    fault = fields.String(required=True, allow_none=True)
    asked_at = fields.DateTime(required=True, allow_none=True)
    up_at = fields.DateTime(required=True, allow_none=True, metadata={"description": "when it was up last"})
    kind = fields.String(required=True, allow_none=True)
    active = fields.Integer(required=True, allow_none=True, metadata={"description": "slots in use"})
    slots = fields.Integer(required=True, allow_none=True)
    queued = fields.Integer(required=True, allow_none=True)
    memory = fields.Integer(
        required=True, allow_none=True, metadata={"description": "bytes of its server process, at most"}
    )
    product = fields.String(required=True, allow_none=True)
    pages_per_second = fields.Float(required=True, allow_none=True)


class CrawlRow(Schema):
    """A running crawl."""

    run = fields.Nested(RunRow, required=True)
    memory = fields.Integer(required=True, allow_none=True, metadata={"description": "bytes of its process"})
    at = fields.DateTime(required=True, allow_none=True)
    pages_per_second = fields.Float(required=True, allow_none=True)


class RenderersOut(Schema):
    """The renderers at SPLASH_URL; without any each crawl starts its own."""

    renderers = fields.List(fields.Nested(RendererRow), required=True)
    crawls = fields.List(fields.Nested(CrawlRow), required=True)


@blueprint.get("/renderers")
@blueprint.output(RenderersOut)
def renderers() -> Any:
    """Return the last known states of the renderers, and the running crawls."""
    return {"renderers": renderer_watch().states(), "crawls": queries.crawls(reading(), now())}
