"""The first schema: models, endpoint configs, endpoints, schedules, executions, processing jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _text(length: int | None = None) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "endpoint_configs",
        sa.Column("name", _text(128), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_endpoint_configs")),
    )
    op.create_table(
        "endpoints",
        sa.Column("name", _text(128), nullable=False),
        sa.Column("config_name", _text(128), nullable=False),
        sa.Column("status", _text(32), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("modified_at", sa.DateTime(), nullable=False),
        sa.Column("failure_reason", _text(), nullable=True),
        sa.Column("running", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_endpoints")),
    )
    op.create_table(
        "executions",
        sa.Column("id", _text(128), nullable=False),
        sa.Column("schedule_name", _text(128), nullable=False),
        sa.Column("scheduled_at", sa.DateTime(), nullable=False),
        sa.Column("origin", _text(32), nullable=False),
        sa.Column("window_start", sa.DateTime(), nullable=False),
        sa.Column("window_end", sa.DateTime(), nullable=False),
        sa.Column("status", _text(32), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("modified_at", sa.DateTime(), nullable=False),
        sa.Column("endpoint_name", _text(128), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("lease_owner", _text(64), nullable=True),
        sa.Column("lease_until", sa.DateTime(), nullable=True),
        sa.Column("processing_job_name", _text(128), nullable=True),
        sa.Column("failure_reason", _text(), nullable=True),
        sa.Column("exit_message", _text(), nullable=True),
        sa.Column("window_records", sa.Integer(), nullable=True),
        sa.Column("violations", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_executions")),
        sa.UniqueConstraint("schedule_name", "scheduled_at", name=op.f("uq_executions_schedule_name_scheduled_at")),
    )
    with op.batch_alter_table("executions", schema=None) as batch_op:
        batch_op.create_index("ix_executions_status", ["status"], unique=False)

    op.create_table(
        "models",
        sa.Column("name", _text(128), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_models")),
    )
    op.create_table(
        "processing_jobs",
        sa.Column("name", _text(128), nullable=False),
        sa.Column("status", _text(32), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("modified_at", sa.DateTime(), nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("schedule_name", _text(128), nullable=True),
        sa.Column("started_at", sa.DateTime(), nullable=True),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("exit_message", _text(), nullable=True),
        sa.Column("failure_reason", _text(), nullable=True),
        sa.Column("handle", sa.JSON(), nullable=True),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_processing_jobs")),
    )
    with op.batch_alter_table("processing_jobs", schema=None) as batch_op:
        batch_op.create_index("ix_processing_jobs_status", ["status"], unique=False)

    op.create_table(
        "schedules",
        sa.Column("name", _text(128), nullable=False),
        sa.Column("status", _text(32), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("modified_at", sa.DateTime(), nullable=False),
        sa.Column("endpoint_name", _text(128), nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("covered_until", sa.DateTime(), nullable=False),
        sa.Column("missed_slots", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_schedules")),
    )


def downgrade() -> None:
    op.drop_table("schedules")
    with op.batch_alter_table("processing_jobs", schema=None) as batch_op:
        batch_op.drop_index("ix_processing_jobs_status")

    op.drop_table("processing_jobs")
    op.drop_table("models")
    with op.batch_alter_table("executions", schema=None) as batch_op:
        batch_op.drop_index("ix_executions_status")

    op.drop_table("executions")
    op.drop_table("endpoints")
    op.drop_table("endpoint_configs")
