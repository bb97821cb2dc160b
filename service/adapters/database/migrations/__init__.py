"""Schema revisions, run in order by alembic at start."""
