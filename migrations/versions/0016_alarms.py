"""The state of a spider in its last alarm."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from models.types import FreeJson

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("crawl_run", sa.Column("alarm", FreeJson(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("crawl_run") as batch:
        batch.drop_column("alarm")
