"""The database: SQLite or PostgreSQL behind one SQLAlchemy Core schema, migrated by alembic.

What lives here: `schema` (tables), `tables` (records to rows and back), `connect` (engine, migrations). What does
not: the records themselves (core.records).
"""

from service.adapters.database.connect import SqlDatabase, connect

__all__ = ["SqlDatabase", "connect"]
