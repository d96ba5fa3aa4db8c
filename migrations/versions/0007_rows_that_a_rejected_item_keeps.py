"""A rejected item says whether the table has its row: the run counts the row as seen, without comparing it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("rejected_item") as batch:
        batch.add_column(sa.Column("row_kept", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("rejected_item") as batch:
        batch.drop_column("row_kept")
