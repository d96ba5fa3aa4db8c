"""The first tables: runs, and the demo site's books, reviews, quotes and orders."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from models import types

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "crawl_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("spider", types.ExactString(100), nullable=False),
        sa.Column("arguments", sa.JSON(), nullable=False),
        sa.Column("started_at", types.UtcDateTime(), nullable=False),
        sa.Column("finished_at", types.UtcDateTime(), nullable=True),
        sa.Column("finish_reason", types.ExactString(100), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crawl_run")),
    )
    op.create_index("ix_crawl_run_spider", "crawl_run", ["spider"])
    op.create_table(
        "book",
        sa.Column("sku", types.ExactString(20), nullable=False),
        sa.Column("title", types.ExactString(200), nullable=False),
        sa.Column("author", types.ExactString(120), nullable=False),
        sa.Column("category", types.ExactString(40), nullable=False),
        sa.Column("price", types.ExactNumeric(10, 2), nullable=False),
        sa.Column("stock", sa.Integer(), nullable=False),
        sa.Column("rating", sa.Integer(), nullable=False),
        sa.Column("published", sa.Date(), nullable=False),
        sa.Column("description", types.LongText(), nullable=True),
        sa.Column("url", types.ExactString(500), nullable=False),
        sa.Column("first_seen_at", types.UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", types.UtcDateTime(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["crawl_run.id"], name=op.f("fk_book_run_id")),
        sa.PrimaryKeyConstraint("sku", name=op.f("pk_book")),
    )
    op.create_index("ix_book_category", "book", ["category"])
    op.create_table(
        "quote",
        sa.Column("quote_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("body", types.LongText(), nullable=False),
        sa.Column("author", types.ExactString(120), nullable=False),
        sa.Column("tags", types.ExactString(200), nullable=True),
        sa.Column("first_seen_at", types.UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", types.UtcDateTime(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["crawl_run.id"], name=op.f("fk_quote_run_id")),
        sa.PrimaryKeyConstraint("quote_id", name=op.f("pk_quote")),
    )
    op.create_index("ix_quote_author", "quote", ["author"])
    op.create_table(
        "shop_order",
        sa.Column("number", types.ExactString(20), nullable=False),
        sa.Column("placed_at", types.UtcDateTime(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "pending", "paid", "shipped", "returned", name="order_status", native_enum=False, length=20
            ),
            nullable=False,
        ),
        sa.Column("customer", types.ExactString(120), nullable=False),
        sa.Column("total", types.ExactNumeric(10, 2), nullable=False),
        sa.Column("note", types.LongText(), nullable=True),
        sa.Column("first_seen_at", types.UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", types.UtcDateTime(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["crawl_run.id"], name=op.f("fk_shop_order_run_id")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_shop_order")),
    )
    op.create_table(
        "review",
        sa.Column("sku", types.ExactString(20), nullable=False),
        sa.Column("reviewer", types.ExactString(80), nullable=False),
        sa.Column("stars", sa.Integer(), nullable=False),
        sa.Column("body", types.LongText(), nullable=False),
        sa.Column("posted", sa.Date(), nullable=False),
        sa.Column("first_seen_at", types.UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", types.UtcDateTime(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["crawl_run.id"], name=op.f("fk_review_run_id")),
        sa.ForeignKeyConstraint(["sku"], ["book.sku"], name=op.f("fk_review_sku"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sku", "reviewer", name=op.f("pk_review")),
    )


def downgrade() -> None:
    op.drop_table("review")
    op.drop_table("shop_order")
    op.drop_table("quote")
    op.drop_table("book")
    op.drop_table("crawl_run")
