"""What an execution reads: the side index, or the captures themselves."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    word = sa.String(32).with_variant(sa.String(32, collation="C"), "postgresql")
    with op.batch_alter_table("executions") as batch_op:
        batch_op.add_column(sa.Column("capture_source", word, nullable=False, server_default="SideIndex"))


def downgrade() -> None:
    with op.batch_alter_table("executions") as batch_op:
        batch_op.drop_column("capture_source")
