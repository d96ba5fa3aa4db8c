"""Workers that leave a shared run: they give their partitions up, and take none."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "crawl_worker", sa.Column("leaving", sa.Boolean(), nullable=False, server_default=sa.false())
    )


def downgrade() -> None:
    with op.batch_alter_table("crawl_worker") as batch:
        batch.drop_column("leaving")
