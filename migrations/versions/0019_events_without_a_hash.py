"""Events have no hash of their row: nothing read it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from models.change import key_hash
from models.types import Digest, ExactString, LongText

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

AT_ONCE = 10_000


def upgrade() -> None:
    with op.batch_alter_table("outbox_event") as batch:
        batch.drop_column("row_hash")


def downgrade() -> None:
    with op.batch_alter_table("outbox_event") as batch:
        batch.add_column(sa.Column("row_hash", Digest(16), nullable=True))
    _write_hashes(op.get_bind())
    with op.batch_alter_table("outbox_event") as batch:
        batch.alter_column("row_hash", existing_type=Digest(16), nullable=False)


def _write_hashes(connection: sa.Connection) -> None:
    events: Any = sa.table(
        "outbox_event",
        sa.column("id"),
        sa.column("table_name", ExactString(64)),
        sa.column("row_key", LongText()),
        sa.column("row_hash", Digest(16)),
    )
    write = (
        sa.update(events).where(events.c.id == sa.bindparam("event")).values(row_hash=sa.bindparam("hash"))
    )
    query = sa.select(events.c.id, events.c.table_name, events.c.row_key).order_by(events.c.id).limit(AT_ONCE)
    last = 0
    while found := connection.execute(query.where(events.c.id > last)).all():
        connection.execute(
            write, [{"event": id_, "hash": key_hash(f"{table}/{key}")} for id_, table, key in found]
        )
        last = found[-1][0]
