"""Explanations of an erased record: its picture and map are removed, and what was said of it is taken out.

A picture shows what was sent. What lives here: one file that lists explanations, and what it names. What does not:
finding it, and whose id it is (reports, matching).
"""

from collections.abc import Callable

from pydantic import ValidationError

from monitor_jobs.contract.explanation import EXPLANATIONS_FILE, Explanation, Explanations
from monitor_jobs.object_store import ObjectStore, S3Address
from monitor_jobs.object_store.shown import put_shown

IsErased = Callable[[str, str | None], bool]  # of an event id and an inference id


def amend_explanations(store: ObjectStore, address: S3Address, body: bytes, is_erased: IsErased) -> bool:
    """Whether the file held any that are erased, and holds them no more. Raises StoreUnavailable.

    The files go first: who is broken off in between finds their names again. Of a file of another program nothing is
    touched. Checked in tests/integration/test_erasure.py.
    """
    try:
        found = Explanations.from_json(body)
    except ValidationError:
        return False
    erased = [one for one in found.explanations if is_erased(one.event_id, one.inference_id)]
    amended = found.model_copy(
        update={
            "explanations": tuple(one for one in found.explanations if one not in erased),
            "unexplained": tuple(one for one in found.unexplained if not is_erased(one.event_id, None)),
            "absent": tuple(name for name in found.absent if not is_erased(name, name)),
        }
    )
    if amended == found:
        return False
    folder = S3Address(address.bucket, address.key.removesuffix(EXPLANATIONS_FILE))
    for one in erased:
        for name in _files(one):
            store.delete(folder.joined(name))
    put_shown(store, address, amended.to_json().encode())
    return True


def _files(one: Explanation) -> list[str]:
    # a name that leads elsewhere is none that we wrote
    return [name for name in (one.picture_file, one.map_file) if "/" not in name]
