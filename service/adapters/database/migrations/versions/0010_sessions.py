"""Browsers that have logged in."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0008"


def _text(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", _text(128), nullable=False),
        sa.Column("key_digest", _text(64), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("used_at", sa.DateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
    )
    op.create_index("ix_sessions_key_digest", "sessions", ["key_digest"])


def downgrade() -> None:
    op.drop_table("sessions")
