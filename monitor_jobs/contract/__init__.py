"""The shared types: what SageMaker writes and reads, as pydantic models and pure functions.

What lives here: parsing and formatting of bytes and names. What does not: I/O (object_store, capture_io), the
environment (job), arrays (capture_io and the analyses). Imports the standard library and pydantic only.
"""
