"""crawl_host: until when a host asked to wait (Retry-After), also across a resume."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from models.types import ExactString, UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "crawl_host",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("host", ExactString(255), nullable=False),
        sa.Column("not_before", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["crawl_run.id"], name=op.f("fk_crawl_host_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "host", name=op.f("pk_crawl_host")),
    )


def downgrade() -> None:
    op.drop_table("crawl_host")
