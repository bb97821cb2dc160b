"""Users, what they may do, and their keys."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def _text(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("name", _text(128), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("policies", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_users")),
    )
    _create_keys("access_keys", sa.Column("sealed_secret", _text(1024), nullable=False))
    _create_keys(
        "api_keys",
        sa.Column("digest", _text(64), nullable=False),
        sa.UniqueConstraint("digest", name=op.f("uq_api_keys_digest")),
    )


def _create_keys(table: str, *secret: sa.schema.SchemaItem) -> None:
    op.create_table(
        table,
        sa.Column("id", _text(128), nullable=False),
        sa.Column("user_name", _text(64), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        *secret,
        sa.Column("status", _text(32), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )


def downgrade() -> None:
    for table in ("api_keys", "access_keys", "users"):
        op.drop_table(table)
