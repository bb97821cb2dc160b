"""Which name a grant must fit for a processing job, and for a change of an alert."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    name = sa.String(128).with_variant(sa.String(128, collation="C"), "postgresql")
    with op.batch_alter_table("processing_jobs") as batch_op:
        batch_op.add_column(sa.Column("access_name", name, nullable=False, server_default=""))
    with op.batch_alter_table("alert_changes") as batch_op:
        batch_op.add_column(sa.Column("endpoint_name", name, nullable=False, server_default=""))
    # What cannot be told any more stays "", which only grants of every name reach.
    op.execute("UPDATE processing_jobs SET access_name = name WHERE schedule_name IS NULL")
    op.execute(
        "UPDATE processing_jobs SET access_name = COALESCE((SELECT MAX(e.endpoint_name) FROM executions e "
        "WHERE e.processing_job_name = processing_jobs.name), '') WHERE schedule_name IS NOT NULL"
    )
    op.execute(
        "UPDATE alert_changes SET endpoint_name = COALESCE((SELECT s.endpoint_name FROM schedules s "
        "WHERE s.name = alert_changes.schedule_name AND s.created_at <= alert_changes.created_at), '')"
    )


def downgrade() -> None:
    with op.batch_alter_table("alert_changes") as batch_op:
        batch_op.drop_column("endpoint_name")
    with op.batch_alter_table("processing_jobs") as batch_op:
        batch_op.drop_column("access_name")
