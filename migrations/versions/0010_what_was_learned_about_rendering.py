"""crawl_rendering: which pages plain HTTP may answer in place of a renderer, and how each request was fetched."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from models.types import Digest, ExactString, FreeText, LongJson, UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "crawl_rendering",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", Digest(20), nullable=False),
        sa.Column("spider", ExactString(255), nullable=False),
        sa.Column("host", ExactString(255), nullable=False),
        sa.Column("callback", ExactString(255), nullable=False),
        sa.Column("pattern", FreeText(), nullable=False),
        sa.Column("version", Digest(20), nullable=False),
        sa.Column("mode", ExactString(8), nullable=False),
        sa.Column("equal_in_row", sa.Integer(), nullable=False),
        sa.Column("times_equal", sa.Integer(), nullable=False),
        sa.Column("times_unequal", sa.Integer(), nullable=False),
        sa.Column("times_back", sa.Integer(), nullable=False),
        sa.Column("reason", FreeText(), nullable=False),
        sa.Column("shape", LongJson(), nullable=False),
        sa.Column("checked_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crawl_rendering")),
        sa.UniqueConstraint("key", name=op.f("uq_crawl_rendering_key")),
    )
    op.create_index("ix_crawl_rendering_spider", "crawl_rendering", ["spider"])
    op.add_column("crawl_request", sa.Column("rendering", ExactString(9), nullable=True))
    op.add_column("crawl_request", sa.Column("rendering_key", Digest(20), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("crawl_request") as batch:
        batch.drop_column("rendering_key")
        batch.drop_column("rendering")
    op.drop_table("crawl_rendering")
