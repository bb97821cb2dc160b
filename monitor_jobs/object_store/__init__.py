"""Object storage behind one port.

What lives here: S3 addresses, the port, and its two adapters: S3 by boto3, and a local folder that ships as the simple
one. What does not: which store is used (service.wiring and monitor_jobs.job decide), what is stored (its callers).
"""

from monitor_jobs.object_store.port import Head, ObjectMissing, ObjectStore, S3Address, StoredObject

__all__ = ["Head", "ObjectMissing", "ObjectStore", "S3Address", "StoredObject"]
