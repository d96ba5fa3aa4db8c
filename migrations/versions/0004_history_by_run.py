"""The history's index is by run and then by row, so that it grows at its end; its foreign key is dropped.

In an index by row alone, the entries of a large history are each written to another page of the index. The run of a
change exists without a foreign key too: the transaction that writes the change begins by updating the run. For
PostgreSQL the check of the foreign key takes as long as storing the change.
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
