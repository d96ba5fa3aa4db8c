"""A request has the number of merged items of its page, and its priority may be any number of 64 bits.

Spiders use times in milliseconds as priorities. SQLite's integers always have 64 bits.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("crawl_request", sa.Column("merged", sa.Integer(), nullable=True))
    if op.get_bind().dialect.name != "sqlite":
        op.alter_column(
            "crawl_request",
            "priority",
            type_=sa.BigInteger(),
            existing_type=sa.Integer(),
            existing_nullable=False,
        )


def downgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        op.alter_column(
            "crawl_request",
            "priority",
            type_=sa.Integer(),
            existing_type=sa.BigInteger(),
            existing_nullable=False,
        )
    with op.batch_alter_table("crawl_request") as batch:
        batch.drop_column("merged")
