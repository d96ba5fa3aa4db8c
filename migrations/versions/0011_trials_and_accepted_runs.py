"""crawl_run: trials, and bad runs that a person accepted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from models.types import FreeString, UtcDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("crawl_run", sa.Column("trial_pages", sa.Integer(), nullable=True))
    op.add_column("crawl_run", sa.Column("acceptable", sa.Boolean(), nullable=True))
    op.add_column("crawl_run", sa.Column("accepted_at", UtcDateTime(), nullable=True))
    op.add_column("crawl_run", sa.Column("accepted_by", FreeString(255), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("crawl_run") as batch:
        for name in ("accepted_by", "accepted_at", "acceptable", "trial_pages"):
            batch.drop_column(name)
