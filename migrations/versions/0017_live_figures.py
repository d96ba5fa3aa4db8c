"""Rendered and plain pages of samples, pages/s by host of a run that crawls, and who hears the alarms of a spider."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from models.types import ExactString, FreeJson, UtcDateTime

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "host_rate",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("worker", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("host", ExactString(255), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["crawl_run.id"], name=op.f("fk_host_rate_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "worker", "host", name=op.f("pk_host_rate")),
    )
    op.add_column("run_sample", sa.Column("rendered", sa.BigInteger(), nullable=True))
    op.add_column("run_sample", sa.Column("plain", sa.BigInteger(), nullable=True))
    op.add_column("spider_schedule", sa.Column("recipients", FreeJson(), nullable=True))
    op.add_column("spider_schedule", sa.Column("heard_by", FreeJson(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("spider_schedule") as batch:
        batch.drop_column("heard_by")
        batch.drop_column("recipients")
    with op.batch_alter_table("run_sample") as batch:
        batch.drop_column("plain")
        batch.drop_column("rendered")
    op.drop_table("host_rate")
