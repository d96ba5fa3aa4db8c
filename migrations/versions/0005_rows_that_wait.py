"""Waiting rows: rejected_item saves rows whose parent row is not stored yet."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from models import types

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("rejected_item") as batch:
        batch.add_column(sa.Column("validated", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch.add_column(sa.Column("waits_for", types.Digest(16), nullable=True))
        batch.create_index("ix_rejected_item_waits", ["run_id", "waits_for"])


def downgrade() -> None:
    with op.batch_alter_table("rejected_item") as batch:
        batch.drop_index("ix_rejected_item_waits")
        batch.drop_column("waits_for")
        batch.drop_column("validated")
