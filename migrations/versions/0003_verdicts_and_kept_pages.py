"""The verdicts of runs, and the snapshots of failed pages."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from models import types

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

RUN: tuple[tuple[str, Any], ...] = (
    ("held_since", types.UtcDateTime()),
    ("verdict", sa.Integer()),
    ("reasons", types.LongJson()),
    ("counts", types.LongJson()),
    ("versions", types.LongJson()),
    ("host", types.ExactString(255)),
    ("seconds", sa.Double()),
    ("peak_memory", sa.BigInteger()),
)


def upgrade() -> None:
    for name, kind in RUN:
        op.add_column("crawl_run", sa.Column(name, kind, nullable=True))
    for table in ("crawl_request", "rejected_item"):
        op.add_column(table, sa.Column("kept_page", types.ExactString(255), nullable=True))


def downgrade() -> None:
    for table in ("crawl_request", "rejected_item"):
        with op.batch_alter_table(table) as batch:
            batch.drop_column("kept_page")
    with op.batch_alter_table("crawl_run") as batch:
        for name, _ in RUN:
            batch.drop_column(name)
