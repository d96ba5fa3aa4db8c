"""Shared runs: workers, partitions, and the partition of each request."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from models.types import ExactString, FreeString, UtcDateTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

NEXT = "ix_crawl_request_next"


def upgrade() -> None:
    op.add_column("crawl_run", sa.Column("partitions", sa.Integer(), nullable=True))
    op.add_column("crawl_run", sa.Column("workers", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("crawl_request", sa.Column("part", sa.SmallInteger(), nullable=False, server_default="0"))
    op.drop_index(NEXT, "crawl_request")
    op.create_index(NEXT, "crawl_request", ["run_id", "state", "part", "priority", "position"])
    op.create_table(
        "crawl_worker",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("process", ExactString(200), nullable=False),
        sa.Column("joined_at", UtcDateTime(), nullable=False),
        sa.Column("heartbeat_at", UtcDateTime(), nullable=False),
        sa.Column("left_at", UtcDateTime(), nullable=True),
        sa.Column("commits", sa.BigInteger(), nullable=False),
        sa.Column("pages", sa.BigInteger(), nullable=False),
        sa.Column("idle", sa.Boolean(), nullable=False),
        sa.Column("note", FreeString(1000), nullable=True),
        sa.ForeignKeyConstraint(
            ["run_id"], ["crawl_run.id"], name=op.f("fk_crawl_worker_run_id_crawl_run"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "number", name=op.f("pk_crawl_worker")),
    )
    op.create_table(
        "crawl_partition",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("part", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("owner", ExactString(32), nullable=True),
        sa.Column("worker", sa.Integer(), nullable=True),
        sa.Column("taken_at", UtcDateTime(), nullable=True),
        sa.Column("commits", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["crawl_run.id"], name=op.f("fk_crawl_partition_run_id_crawl_run"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "part", name=op.f("pk_crawl_partition")),
    )


def downgrade() -> None:
    op.drop_table("crawl_partition")
    op.drop_table("crawl_worker")
    op.drop_index(NEXT, "crawl_request")
    op.create_index(NEXT, "crawl_request", ["run_id", "state", "priority", "position"])
    with op.batch_alter_table("crawl_request") as batch:
        batch.drop_column("part")
    with op.batch_alter_table("crawl_run") as batch:
        batch.drop_column("workers")
        batch.drop_column("partitions")
