"""The relay: events have a number and the parts of their envelope in columns; sinks have a position."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

from models.change import key_hash
from models.types import Digest, ExactString, FreeText, LongText, UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

BIG_ID: Any = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
NEW: dict[str, Any] = {
    "sequence": sa.BigInteger(),
    "sink": ExactString(200),
    "table_name": ExactString(64),
    "kind": ExactString(8),
    "row_hash": Digest(16),
    "row_key": LongText(),
    "spider": ExactString(255),
    "run_id": sa.BigInteger(),
    "data": LongText(),
}
MANDATORY = ("table_name", "kind", "row_hash", "row_key", "spider", "data")


def upgrade() -> None:
    with op.batch_alter_table("outbox_event") as batch:
        for name, type_ in NEW.items():
            batch.add_column(sa.Column(name, type_, nullable=True))
    _split_envelopes(op.get_bind())
    with op.batch_alter_table("outbox_event") as batch:
        batch.drop_index("ix_outbox_event_sent_at")
        batch.drop_constraint("uq_outbox_event_event_id", type_="unique")
        for name in ("envelope", "type", "sent_at"):
            batch.drop_column(name)
        for name in MANDATORY:
            batch.alter_column(name, existing_type=NEW[name], nullable=False)
        batch.create_index("ix_outbox_event_sequence", ["sequence", "id"])
    op.create_table(
        "outbox_relay",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("owner", ExactString(200), nullable=True),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("heartbeat_at", UtcDateTime(), nullable=True),
        sa.Column("last_sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_relay")),
    )
    op.create_table(
        "outbox_sink",
        sa.Column("name", ExactString(200), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("state", ExactString(8), nullable=False),
        sa.Column("sent", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", UtcDateTime(), nullable=True),
        sa.Column("error", FreeText(), nullable=True),
        sa.Column("used_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_outbox_sink")),
    )
    op.create_table(
        "outbox_refusal",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("sink", ExactString(200), nullable=False),
        sa.Column("event", BIG_ID, nullable=False),
        sa.Column("reason", FreeText(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("retry", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_refusal")),
        sa.ForeignKeyConstraint(["event"], ["outbox_event.id"], name=op.f("fk_outbox_refusal_event")),
    )
    op.create_index("ix_outbox_refusal_sink", "outbox_refusal", ["sink"])
    op.create_index("ix_outbox_refusal_event", "outbox_refusal", ["event"])


def _split_envelopes(connection: sa.Connection) -> None:
    """Fill the new columns of the events that wait, from their envelopes; delete those that were sent."""
    events = sa.table(
        "outbox_event",
        sa.column("id"),
        sa.column("envelope", LongText()),
        sa.column("sent_at"),
        *(sa.column(name, type_) for name, type_ in NEW.items()),
    )
    connection.execute(sa.delete(events).where(events.c.sent_at.is_not(None)))
    last = 0
    query = sa.select(events.c.id, events.c.envelope).order_by(events.c.id).limit(500)
    while found := connection.execute(query.where(events.c.id > last)).all():
        for number, envelope in found:
            values = _parts(json.loads(envelope))
            connection.execute(sa.update(events).where(events.c.id == number).values(**values))
        last = found[-1][0]


def _parts(envelope: dict[str, Any]) -> dict[str, Any]:
    table, _, key = envelope["subject"].partition("/")
    data = {**envelope["data"], "page": None}
    return {
        "table_name": table,
        "kind": data["kind"],
        "row_hash": key_hash(envelope["subject"]),
        "row_key": key,
        "spider": envelope["source"].rpartition("/")[2],
        "run_id": data["run"],
        "data": json.dumps(data, ensure_ascii=False, separators=(",", ":")),
    }


def downgrade() -> None:
    op.drop_table("outbox_refusal")
    op.drop_table("outbox_sink")
    op.drop_table("outbox_relay")
    op.execute(sa.text("DELETE FROM outbox_event"))  # no older version can send these events
    with op.batch_alter_table("outbox_event") as batch:
        batch.drop_index("ix_outbox_event_sequence")
        for name in NEW:
            batch.drop_column(name)
        batch.add_column(sa.Column("type", ExactString(100), nullable=False))
        batch.add_column(sa.Column("envelope", LongText(), nullable=False))
        batch.add_column(sa.Column("sent_at", UtcDateTime(), nullable=True))
        batch.create_unique_constraint("uq_outbox_event_event_id", ["event_id"])
        batch.create_index("ix_outbox_event_sent_at", ["sent_at"])
