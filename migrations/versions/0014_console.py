"""The console: accounts, orders, schedules that people set, samples and log lines of runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from models import types

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "console_action",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("at", types.UtcDateTime(), nullable=False),
        sa.Column("actor", types.FreeString(255), nullable=True),
        sa.Column("address", types.FreeString(45), nullable=True),
        sa.Column("action", types.ExactString(40), nullable=False),
        sa.Column("target", types.FreeText(), nullable=True),
        sa.Column("succeeded", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_console_action")),
    )
    op.create_table(
        "console_login_failure",
        sa.Column("subject", types.Digest(32), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_console_login_failure")),
    )
    op.create_table(
        "console_user",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", types.ExactString(100), nullable=False),
        sa.Column("password", types.ExactString(255), nullable=True),
        sa.Column("role", types.ExactString(10), nullable=False),
        sa.Column("timezone", types.FreeString(64), nullable=True),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.Column("disabled_at", types.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_console_user")),
        sa.UniqueConstraint("name", name=op.f("uq_console_user_name")),
    )
    op.create_table(
        "crawl_order",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("kind", types.ExactString(20), nullable=False),
        sa.Column("spider", types.FreeString(100), nullable=True),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("arguments", types.LongJson(), nullable=True),
        sa.Column("state", types.ExactString(10), nullable=False),
        sa.Column("asked_by", types.FreeString(255), nullable=False),
        sa.Column("asked_at", types.UtcDateTime(), nullable=False),
        sa.Column("taken_by", types.ExactString(200), nullable=True),
        sa.Column("taken_at", types.UtcDateTime(), nullable=True),
        sa.Column("ended_at", types.UtcDateTime(), nullable=True),
        sa.Column("message", types.FreeText(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crawl_order")),
    )
    op.create_index("ix_crawl_order_run", "crawl_order", ["run_id", "id"])
    op.create_index("ix_crawl_order_state", "crawl_order", ["state", "id"])
    op.create_table(
        "scheduler_process",
        sa.Column("process", types.ExactString(200), nullable=False),
        sa.Column("started_at", types.UtcDateTime(), nullable=False),
        sa.Column("heartbeat_at", types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("process", name=op.f("pk_scheduler_process")),
    )
    op.create_table(
        "spider_schedule",
        sa.Column("spider", types.ExactString(100), nullable=False),
        sa.Column("declared", types.FreeString(100), nullable=True),
        sa.Column("timezone", types.FreeString(64), nullable=True),
        sa.Column("next_at", types.UtcDateTime(), nullable=True),
        sa.Column("loaded_at", types.UtcDateTime(), nullable=False),
        sa.Column("spider_arguments", types.FreeJson(), nullable=True),
        sa.Column("chosen", types.FreeString(100), nullable=True),
        sa.Column("paused_at", types.UtcDateTime(), nullable=True),
        sa.Column("muted_until", types.UtcDateTime(), nullable=True),
        sa.Column("changed_by", types.FreeString(255), nullable=True),
        sa.Column("changed_at", types.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("spider", name=op.f("pk_spider_schedule")),
    )
    op.create_table(
        "console_link",
        sa.Column("token", types.Digest(32), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("role", types.ExactString(10), nullable=False),
        sa.Column("expires_at", types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["console_user.id"], name=op.f("fk_console_link_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_console_link")),
    )
    op.create_index(op.f("ix_console_link_user_id"), "console_link", ["user_id"])
    op.create_table(
        "console_session",
        sa.Column("cookie", types.Digest(32), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.Column("used_at", types.UtcDateTime(), nullable=False),
        sa.Column("address", types.FreeString(45), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["console_user.id"], name=op.f("fk_console_session_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("cookie", name=op.f("pk_console_session")),
    )
    op.create_index(op.f("ix_console_session_user_id"), "console_session", ["user_id"])
    op.create_table(
        "console_token",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token", types.Digest(32), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("name", types.FreeString(100), nullable=False),
        sa.Column("role", types.ExactString(10), nullable=False),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.Column("used_at", types.UtcDateTime(), nullable=True),
        sa.Column("expires_at", types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["console_user.id"], name=op.f("fk_console_token_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_console_token")),
        sa.UniqueConstraint("token", name=op.f("uq_console_token_token")),
    )
    op.create_index(op.f("ix_console_token_user_id"), "console_token", ["user_id"])
    op.create_table(
        "run_log_line",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("at", types.UtcDateTime(), nullable=False),
        sa.Column("level", types.FreeString(10), nullable=False),
        sa.Column("logger", types.FreeString(100), nullable=False),
        sa.Column("message", types.FreeText(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["crawl_run.id"], name=op.f("fk_run_log_line_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "number", name=op.f("pk_run_log_line")),
    )
    op.create_table(
        "run_sample",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", types.UtcDateTime(), nullable=False),
        sa.Column("queued", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("memory", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["run_id"], ["crawl_run.id"], name=op.f("fk_run_sample_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "number", name=op.f("pk_run_sample")),
    )
    op.add_column("crawl_run", sa.Column("paused_at", types.UtcDateTime(), nullable=True))
    op.add_column("crawl_run", sa.Column("paused_by", types.FreeString(255), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("crawl_run") as batch:
        batch.drop_column("paused_by")
        batch.drop_column("paused_at")

    op.drop_table("run_sample")
    op.drop_table("run_log_line")
    op.drop_table("console_token")
    op.drop_table("console_session")
    op.drop_table("console_link")
    op.drop_table("spider_schedule")
    op.drop_table("scheduler_process")
    op.drop_table("crawl_order")
    op.drop_table("console_user")
    op.drop_table("console_login_failure")
    op.drop_table("console_action")
