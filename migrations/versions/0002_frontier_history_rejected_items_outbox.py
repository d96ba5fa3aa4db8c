"""The frontier, the history of rows, rejected items and the outbox."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from models import types
from models.run import scope_of

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "outbox_event",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("event_id", types.ExactString(36), nullable=False),
        sa.Column("type", types.ExactString(100), nullable=False),
        sa.Column("envelope", types.LongText(), nullable=False),
        sa.Column("at", types.UtcDateTime(), nullable=False),
        sa.Column("sent_at", types.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_event")),
        sa.UniqueConstraint("event_id", name=op.f("uq_outbox_event_event_id")),
    )
    with op.batch_alter_table("outbox_event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_outbox_event_sent_at"), ["sent_at"], unique=False)

    op.create_table(
        "crawl_request",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("identity", types.Digest(20), nullable=False),
        sa.Column("url", types.LongText(), nullable=False),
        sa.Column("request", types.LongText(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("parent", sa.BigInteger(), nullable=True),
        sa.Column("state", types.ExactString(8), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", types.UtcDateTime(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", types.LongText(), nullable=True),
        sa.Column("settled_at", types.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["run_id"], ["crawl_run.id"], name=op.f("fk_crawl_request_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "number", name=op.f("pk_crawl_request")),
    )
    with op.batch_alter_table("crawl_request", schema=None) as batch_op:
        batch_op.create_index("ix_crawl_request_identity", ["run_id", "identity"], unique=True)
        batch_op.create_index(
            "ix_crawl_request_next", ["run_id", "state", "priority", "position"], unique=False
        )

    op.create_table(
        "rejected_item",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("request_number", sa.BigInteger(), nullable=True),
        sa.Column("spider", types.ExactString(100), nullable=False),
        sa.Column("table_name", types.ExactString(64), nullable=False),
        sa.Column("url", types.LongText(), nullable=True),
        sa.Column("item", types.LongJson(), nullable=False),
        sa.Column("reasons", types.LongJson(), nullable=False),
        sa.Column("keyed", sa.Boolean(), nullable=False),
        sa.Column("at", types.UtcDateTime(), nullable=False),
        sa.Column("replayed_at", types.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["crawl_run.id"], name=op.f("fk_rejected_item_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rejected_item")),
    )
    with op.batch_alter_table("rejected_item", schema=None) as batch_op:
        batch_op.create_index("ix_rejected_item_run", ["run_id", "request_number"], unique=False)

    op.create_table(
        "row_change",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("at", types.UtcDateTime(), nullable=False),
        sa.Column("table_name", types.ExactString(64), nullable=False),
        sa.Column("key_hash", types.Digest(16), nullable=False),
        sa.Column("row_key", types.LongText(), nullable=False),
        sa.Column("kind", types.ExactString(8), nullable=False),
        sa.Column("fields", types.LongJson(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["crawl_run.id"], name=op.f("fk_row_change_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_row_change")),
    )
    with op.batch_alter_table("row_change", schema=None) as batch_op:
        batch_op.create_index("ix_row_change_row", ["table_name", "key_hash"], unique=False)
        batch_op.create_index(batch_op.f("ix_row_change_run_id"), ["run_id"], unique=False)

    with op.batch_alter_table("book", schema=None) as batch_op:
        batch_op.add_column(sa.Column("gone_at", types.UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("content_hash", types.Digest(16), nullable=True))

    with op.batch_alter_table("crawl_run", schema=None) as batch_op:
        batch_op.add_column(sa.Column("scope", types.Digest(32), nullable=True))
        batch_op.add_column(sa.Column("unfinished", types.Digest(32), nullable=True))
        batch_op.add_column(sa.Column("note", types.LongText(), nullable=True))
        batch_op.add_column(sa.Column("start_read", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("owner", types.ExactString(200), nullable=True))
        batch_op.add_column(sa.Column("heartbeat_at", types.UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("commits", sa.BigInteger(), nullable=False, server_default="0"))
        batch_op.create_unique_constraint(batch_op.f("uq_crawl_run_unfinished"), ["unfinished"])
    # Earlier runs cannot be resumed: they have no requests in the frontier.
    runs = sa.table(
        "crawl_run",
        sa.column("id"),
        sa.column("spider"),
        sa.column("arguments", sa.JSON()),
        sa.column("scope", types.Digest(32)),
    )
    connection = op.get_bind()
    for run in connection.execute(sa.select(runs.c.id, runs.c.spider, runs.c.arguments)).all():
        scope = scope_of(run.spider, run.arguments or {})
        connection.execute(sa.update(runs).where(runs.c.id == run.id).values(scope=scope))
    with op.batch_alter_table("crawl_run", schema=None) as batch_op:
        batch_op.alter_column("scope", existing_type=types.Digest(32), nullable=False)
        batch_op.create_index(batch_op.f("ix_crawl_run_scope"), ["scope"], unique=False)

    with op.batch_alter_table("quote", schema=None) as batch_op:
        batch_op.add_column(sa.Column("gone_at", types.UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("content_hash", types.Digest(16), nullable=True))

    with op.batch_alter_table("review", schema=None) as batch_op:
        batch_op.add_column(sa.Column("gone_at", types.UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("content_hash", types.Digest(16), nullable=True))

    with op.batch_alter_table("shop_order", schema=None) as batch_op:
        batch_op.add_column(sa.Column("gone_at", types.UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("content_hash", types.Digest(16), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("shop_order", schema=None) as batch_op:
        batch_op.drop_column("content_hash")
        batch_op.drop_column("gone_at")

    with op.batch_alter_table("review", schema=None) as batch_op:
        batch_op.drop_column("content_hash")
        batch_op.drop_column("gone_at")

    with op.batch_alter_table("quote", schema=None) as batch_op:
        batch_op.drop_column("content_hash")
        batch_op.drop_column("gone_at")

    with op.batch_alter_table("crawl_run", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_crawl_run_unfinished"), type_="unique")
        batch_op.drop_index(batch_op.f("ix_crawl_run_scope"))
        batch_op.drop_column("commits")
        batch_op.drop_column("heartbeat_at")
        batch_op.drop_column("owner")
        batch_op.drop_column("start_read")
        batch_op.drop_column("note")
        batch_op.drop_column("unfinished")
        batch_op.drop_column("scope")

    with op.batch_alter_table("book", schema=None) as batch_op:
        batch_op.drop_column("content_hash")
        batch_op.drop_column("gone_at")

    op.drop_table("row_change")
    op.drop_table("rejected_item")
    op.drop_table("crawl_request")
    op.drop_table("outbox_event")
