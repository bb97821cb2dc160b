"""Metrics: the lines that jobs published, and what clients put."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def _text(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    with op.batch_alter_table("processing_jobs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("metric_data", sa.JSON(), nullable=False, server_default=sa.text("'[]'")))
    op.create_table(
        "metrics",
        sa.Column("id", _text(128), nullable=False),
        sa.Column("namespace", _text(255), nullable=False),
        sa.Column("name", _text(255), nullable=False),
        sa.Column("dimensions", sa.JSON(), nullable=False),
        sa.Column("last_at", sa.DateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_metrics")),
    )
    op.create_table(
        "datapoints",
        sa.Column("id", _text(128), nullable=False),
        sa.Column("metric_id", _text(128), nullable=False),
        sa.Column("minute", sa.DateTime(), nullable=False),
        sa.Column("unit", _text(32), nullable=False),
        sa.Column("sample_count", sa.Double(), nullable=False),
        sa.Column("total", sa.Double(), nullable=False),
        sa.Column("minimum", sa.Double(), nullable=False),
        sa.Column("maximum", sa.Double(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_datapoints")),
    )
    op.create_index("ix_datapoints_metric_id_minute", "datapoints", ["metric_id", "minute"])
    op.create_index("ix_datapoints_minute", "datapoints", ["minute"])


def downgrade() -> None:
    op.drop_table("datapoints")
    op.drop_table("metrics")
    with op.batch_alter_table("processing_jobs", schema=None) as batch_op:
        batch_op.drop_column("metric_data")
