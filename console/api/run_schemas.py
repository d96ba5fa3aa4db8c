"""What the API says about a run: the run, its progress, its parts, and its comparison with another one."""

from __future__ import annotations

from typing import Any

from apiflask import Schema, fields

from console.api.schemas import Address, Redacted
from console.queries import runs as queries


class RunRow(Schema):
    """A run."""

    id = fields.Integer(required=True)
    spider = fields.String(required=True)
    arguments = fields.Dict(required=True, metadata={"description": "secrets are ***"})
    state = fields.String(required=True, metadata={"description": "in words, as `scrapy runs` prints it"})
    tone = fields.String(required=True, metadata={"enum": ["good", "bad", "warn", "live"]})
    exit_code = fields.Integer(required=True, allow_none=True)
    started_at = fields.DateTime(required=True)
    finished_at = fields.DateTime(required=True, allow_none=True)
    heartbeat_at = fields.DateTime(required=True, allow_none=True)
    seconds = fields.Float(required=True, allow_none=True)
    reasons = fields.List(Redacted(), required=True)
    note = Redacted(required=True, allow_none=True)
    counts = fields.Method("dump_counts", required=True, metadata={"type": "object"})
    trial_pages = fields.Integer(required=True, allow_none=True)
    paused_by = fields.String(required=True, allow_none=True)

    def dump_counts(self, run: queries.RunLine) -> dict[str, Any]:
        """Return the counts by kind; docs/runs.md explains them."""
        return run.stats.as_json()


class ProgressOut(Schema):
    """Where a run is."""

    queued = fields.Integer(required=True)
    done = fields.Integer(required=True)
    failed = fields.Integer(required=True)
    rows = fields.Integer(required=True)
    rendered = fields.Integer(
        required=True, allow_none=True, metadata={"description": "pages that a renderer rendered"}
    )
    plain = fields.Integer(
        required=True, allow_none=True, metadata={"description": "pages that came by plain HTTP"}
    )
    pages_per_second = fields.Float(required=True, allow_none=True)
    seconds_left = fields.Float(required=True, allow_none=True, metadata={"description": "an estimate"})


class RunHostRow(Schema):
    """A host of a run that crawls."""

    host = Redacted(required=True)
    pages_per_second = fields.Float(required=True, allow_none=True)
    waits_until = fields.DateTime(required=True, allow_none=True)


class WaitingHostRow(Schema):
    """A host that has asked the run to wait."""

    host = fields.String(required=True)
    not_before = fields.DateTime(required=True)


class RunWorkerRow(Schema):
    """A worker of a shared run."""

    number = fields.Integer(required=True)
    process = fields.String(required=True)
    state = fields.String(required=True, metadata={"enum": ["working", "idle", "leaving", "left", "silent"]})
    pages = fields.Integer(required=True)
    joined_at = fields.DateTime(required=True)
    heartbeat_at = fields.DateTime(required=True)
    left_at = fields.DateTime(required=True, allow_none=True)
    note = fields.String(required=True, allow_none=True)


class RunOut(RunRow):
    """A run with its progress; null: no sample is stored."""

    progress = fields.Nested(ProgressOut, required=True, allow_none=True)
    process = fields.String(required=True, allow_none=True, metadata={"description": "that has the run"})
    hosts = fields.List(
        fields.Nested(RunHostRow),
        required=True,
        metadata={"description": "while the run crawls: the fastest first, and those that asked to wait"},
    )
    waiting_hosts = fields.List(
        fields.Nested(WaitingHostRow), required=True, metadata={"description": "while the run crawls"}
    )
    workers = fields.List(
        fields.Nested(RunWorkerRow), required=True, metadata={"description": "of a shared run"}
    )


class SampleRow(Schema):
    """The requests and rows of a run at a time."""

    at = fields.DateTime(required=True)
    queued = fields.Integer(required=True)
    done = fields.Integer(required=True)
    failed = fields.Integer(required=True)
    rows = fields.Integer(required=True)
    memory = fields.Integer(required=True, allow_none=True, metadata={"description": "bytes of the process"})
    rendered = fields.Integer(required=True, allow_none=True)
    plain = fields.Integer(required=True, allow_none=True)


class SamplesOut(Schema):
    """All samples of a run, the oldest first: at most some hundred."""

    rows = fields.List(fields.Nested(SampleRow), required=True)


class LogRow(Schema):
    """A log line of a run."""

    number = fields.Integer(required=True)
    at = fields.DateTime(required=True)
    level = fields.String(required=True)
    logger = fields.String(required=True)
    message = Redacted(required=True)


class FailedRow(Schema):
    """A request that failed, or that the site refused."""

    number = fields.Integer(required=True)
    url = Address(required=True)
    state = fields.String(required=True)
    status = fields.Integer(required=True, allow_none=True, metadata={"description": "the last HTTP status"})
    error = Redacted(required=True, allow_none=True)
    attempts = fields.Integer(required=True)
    settled_at = fields.DateTime(required=True, allow_none=True)
    kept_page = fields.String(
        required=True, allow_none=True, metadata={"description": "the name of its page snapshot"}
    )


class RejectedRow(Schema):
    """A rejected item."""

    id = fields.Integer(required=True)
    table_name = fields.String(required=True)
    url = Address(required=True, allow_none=True)
    reasons = fields.Dict(
        keys=fields.String(), values=Redacted(), required=True, metadata={"description": "by field"}
    )
    at = fields.DateTime(required=True)
    kept_page = fields.String(required=True, allow_none=True)


class ComparedRow(Schema):
    """A figure of two runs; null: that run has no such figure."""

    kind = fields.String(
        required=True,
        metadata={"enum": ["duration", "pages", "rows", "rejected", "changes", "coverage"]},
    )
    name = fields.String(required=True)
    this = fields.Float(required=True, allow_none=True)
    other = fields.Float(required=True, allow_none=True)


class ComparisonOut(Schema):
    """A run compared with another one."""

    this = fields.Nested(RunRow, required=True)
    other = fields.Nested(RunRow, required=True)
    rows = fields.List(fields.Nested(ComparedRow), required=True)
