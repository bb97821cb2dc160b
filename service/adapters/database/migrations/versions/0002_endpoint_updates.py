"""Endpoints that are updated: what starts beside the process that serves, and what it leaves behind."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    name = sa.String(128).with_variant(sa.String(128, collation="C"), "postgresql")
    nothing = sa.text("'[]'")
    with op.batch_alter_table("endpoints", schema=None) as batch_op:
        batch_op.add_column(sa.Column("starting", sa.JSON(), nullable=False, server_default=nothing))
        batch_op.add_column(sa.Column("retiring", sa.JSON(), nullable=False, server_default=nothing))
        batch_op.add_column(sa.Column("pending_config_name", name, nullable=True))
        batch_op.add_column(sa.Column("deployment_config", sa.JSON(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("endpoints", schema=None) as batch_op:
        for column in ("deployment_config", "pending_config_name", "retiring", "starting"):
            batch_op.drop_column(column)
