"""The side index of capture files that were amended: their rows made anew from what they hold now."""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from monitor_jobs.contract.capture import opened_at_of
from monitor_jobs.contract.erasure import Amendment
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.side_index import index_folder
from monitor_jobs.contract.window import floor_hour
from monitor_jobs.erasure.variant import Variant
from monitor_jobs.object_store import ObjectMissing, S3Address
from monitor_jobs.object_store.shown import put_shown

if TYPE_CHECKING:
    from monitor_jobs.side_index import CaptureIndex


def renew_indexes(variant: Variant, amendments: Iterable[Amendment]) -> int:
    """How many index files were made anew, or removed where nothing is left of them. Raises StoreUnavailable."""
    amended = {variant.path_of(each.object_key): each for each in amendments}
    hours = {floor_hour(opened) for opened in map(opened_at_of, amended) if opened is not None}
    listed = (entry for hour in sorted(hours) for entry in variant.below(index_folder(variant.side, hour)))
    return sum(_renew(variant, entry.address, amended) for entry in listed)


def _renew(variant: Variant, address: S3Address, amended: dict[str, Amendment]) -> bool:
    from monitor_jobs.side_index import read_covered, replaced_captures  # Parquet takes long to import

    with tempfile.TemporaryDirectory(prefix="sextant-erase-") as folder:
        part = Path(folder, "index.parquet")
        try:
            variant.store.download(address, part)
            covered = read_covered(part)
        except (BadInput, ObjectMissing):
            return False  # nobody reads what is no index
        stale = [each.object_key for each in covered if _is_stale(each.object_key, each.size_bytes, amended)]
        if not stale:
            return False
        renewed = replaced_captures(part, {key: _indexed(variant, key, Path(folder)) for key in stale})
        if renewed is None:
            variant.store.delete(address)
        else:
            put_shown(variant.store, address, renewed)
    return True


def _indexed(variant: Variant, object_key: str, folder: Path) -> "CaptureIndex | None":
    from monitor_jobs.side_index import index_capture

    path = folder / "capture.jsonl"
    variant.store.download(S3Address.parse(f"{variant.destination}/{object_key}"), path)
    index = index_capture(path, object_key)
    return index if index is not None and index.table.num_rows else None


def _is_stale(object_key: str, size_bytes: int, amended: dict[str, Amendment]) -> bool:
    return object_key in amended and amended[object_key].size_bytes != size_bytes
