"""The `sextant` command: what people type. Every command calls the operation table over HTTP, or reads the store.

What lives here: arguments, tables, exit codes. What does not: any decision. Exit codes: 0 done, 1 error, 2 usage, 3
not found, 4 conflict, 5 invalid, 6 findings (with --fail-on-violations), 130 interrupted.
"""

from service.cli.app import run

__all__ = ["run"]
