"""Job definitions of four kinds and what refers to them, monitoring alerts and their changes, tags."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def _text(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    for table in ("schedules", "executions"):
        with op.batch_alter_table(table) as batch_op:
            kind = sa.Column("monitoring_type", _text(32), nullable=False, server_default="DataQuality")
            batch_op.add_column(kind)
            batch_op.add_column(sa.Column("job_definition_name", _text(128), nullable=True))

    op.create_table(
        "job_definitions",
        sa.Column("id", _text(128), nullable=False),
        sa.Column("name", _text(128), nullable=False),
        sa.Column("monitoring_type", _text(32), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("endpoint_name", _text(128), nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_definitions")),
    )
    op.create_table(
        "alerts",
        sa.Column("schedule_name", _text(128), nullable=False),
        sa.Column("name", _text(128), nullable=False),
        sa.Column("status", _text(32), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("modified_at", sa.DateTime(), nullable=False),
        sa.Column("datapoints_to_alert", sa.Integer(), nullable=False),
        sa.Column("evaluation_period", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("schedule_name", name=op.f("pk_alerts")),
    )
    op.create_table(
        "alert_changes",
        sa.Column("id", _text(128), nullable=False),
        sa.Column("schedule_name", _text(128), nullable=False),
        sa.Column("alert_name", _text(128), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("status", _text(32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_changes")),
    )
    op.create_table(
        "tags",
        sa.Column("resource", _text(128), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("resource", name=op.f("pk_tags")),
    )


def downgrade() -> None:
    for table in ("tags", "alert_changes", "alerts", "job_definitions"):
        op.drop_table(table)
    for table in ("executions", "schedules"):
        with op.batch_alter_table(table) as batch_op:
            batch_op.drop_column("job_definition_name")
            batch_op.drop_column("monitoring_type")
