"""Believing a store once it shows what it took."""

from monitor_jobs.contract.errors import StoreUnavailable
from monitor_jobs.object_store.port import Head, ObjectStore, S3Address


def require_shown(store: ObjectStore, address: S3Address, sent: Head) -> None:
    """Return where the store shows the size that was sent and the ETag that it answered. Raises StoreUnavailable."""
    shown = store.head(address)
    if not shown.agrees_with(sent):
        raise StoreUnavailable(
            f"{address} shows {shown} after the store had taken {sent}: it is sent again; should this go on, see the "
            "store's log, and whether something between rewrites bodies or ETags"
        )


def put_shown(store: ObjectStore, address: S3Address, body: bytes) -> None:
    """Store an object, and return once the store shows it."""
    require_shown(store, address, Head(len(body), store.put(address, body)))
