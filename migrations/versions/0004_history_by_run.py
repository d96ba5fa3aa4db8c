"""History is found by run, and within a run by row: one index that grows at its end, and no foreign key.

An index by row alone has no order that the rows come in: on a history of some size each of its entries is written to
another page. That a change's run is there is certain without a foreign key, for the transaction that writes the change
begins by changing the run; and looking it up for every change costs PostgreSQL as much as storing the change.
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("row_change") as batch:
        batch.drop_constraint("fk_row_change_run_id", type_="foreignkey")
        batch.drop_index("ix_row_change_run_id")
        batch.drop_index("ix_row_change_row")
        batch.create_index("ix_row_change_row", ["run_id", "key_hash"])


def downgrade() -> None:
    with op.batch_alter_table("row_change") as batch:
        batch.drop_index("ix_row_change_row")
        batch.create_index("ix_row_change_row", ["table_name", "key_hash"])
        batch.create_index("ix_row_change_run_id", ["run_id"])
        batch.create_foreign_key("fk_row_change_run_id", "crawl_run", ["run_id"], ["id"])
