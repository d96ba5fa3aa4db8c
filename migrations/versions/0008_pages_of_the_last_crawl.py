"""The table crawl_page, by which a crawl with DELTA knows unchanged pages, and their mark in crawl_request."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from models.types import Digest, ExactString, FreeText, LongBinary, LongText, UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "crawl_page",
        sa.Column("scope", Digest(32), nullable=False),
        sa.Column("page", Digest(20), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("url", FreeText(), nullable=False),
        sa.Column("version", Digest(20), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("response_url", LongText(), nullable=False),
        sa.Column("etag", ExactString(500), nullable=True),
        sa.Column("last_modified", ExactString(64), nullable=True),
        sa.Column("lastmod", ExactString(64), nullable=True),
        sa.Column("fetched_at", UtcDateTime(), nullable=False),
        sa.Column("confirmed_at", UtcDateTime(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("fetch_interval", sa.Double(), nullable=False),
        sa.Column("output_hash", Digest(20), nullable=False),
        sa.Column("output", LongBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["crawl_run.id"], name="fk_crawl_page_run_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("scope", "page", name="pk_crawl_page"),
    )
    op.create_index("ix_crawl_page_run_id", "crawl_page", ["run_id"])
    op.add_column("crawl_request", sa.Column("unchanged", ExactString(11), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("crawl_request") as batch:
        batch.drop_column("unchanged")
    op.drop_table("crawl_page")
