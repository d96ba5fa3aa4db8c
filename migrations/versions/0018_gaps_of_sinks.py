"""Sinks have gaps, and events no number: a relay need not write each event again."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from models.types import ExactString

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

AT_ONCE = 10_000


def upgrade() -> None:
    op.create_table(
        "outbox_gap",
        sa.Column("sink", ExactString(200), nullable=False),
        sa.Column("first_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sink", "first_id", name=op.f("pk_outbox_gap")),
    )
    _set_positions(op.get_bind())
    with op.batch_alter_table("outbox_event") as batch:
        batch.drop_index("ix_outbox_event_sequence")
        batch.drop_column("sequence")
    with op.batch_alter_table("outbox_relay") as batch:
        batch.drop_column("last_sequence")


def _set_positions(connection: sa.Connection) -> None:
    """Set the position of each sink to the id of its last event; store gaps for the earlier ids that it did not get."""
    events = sa.table("outbox_event", sa.column("id"), sa.column("sequence"))
    sinks = sa.table("outbox_sink", sa.column("name", ExactString(200)), sa.column("position"))
    gaps: Any = sa.table(
        "outbox_gap", sa.column("sink", ExactString(200)), sa.column("first_id"), sa.column("last_id")
    )
    numbers: dict[str, int] = dict(connection.execute(sa.select(sinks.c.name, sinks.c.position)).all())
    positions = dict.fromkeys(numbers, 0)
    last = 0
    query = sa.select(events.c.id, events.c.sequence).order_by(events.c.id).limit(AT_ONCE)
    while found := connection.execute(query.where(events.c.id > last)).all():
        new = []
        for id_, number in found:
            for sink, position in positions.items():
                if number is None or number > numbers[sink]:
                    continue
                if id_ > position + 1:
                    new.append({"sink": sink, "first_id": position + 1, "last_id": id_ - 1})
                positions[sink] = id_
        if new:
            connection.execute(sa.insert(gaps), new)
        last = found[-1][0]
    for sink, position in positions.items():
        connection.execute(sa.update(sinks).where(sinks.c.name == sink).values(position=position))


def downgrade() -> None:
    with op.batch_alter_table("outbox_relay") as batch:
        batch.add_column(sa.Column("last_sequence", sa.BigInteger(), nullable=False, server_default="0"))
    with op.batch_alter_table("outbox_relay") as batch:
        batch.alter_column(
            "last_sequence", existing_type=sa.BigInteger(), existing_nullable=False, server_default=None
        )
    with op.batch_alter_table("outbox_event") as batch:
        batch.add_column(sa.Column("sequence", sa.BigInteger(), nullable=True))
        batch.create_index("ix_outbox_event_sequence", ["sequence", "id"])
    # The events that are kept are sent again: repeats, which consumers drop.
    op.execute(sa.text("UPDATE outbox_sink SET position = 0"))
    op.drop_table("outbox_gap")
