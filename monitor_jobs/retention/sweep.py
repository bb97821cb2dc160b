"""One pass through everything that rules list, a step at a time, so that whoever does it may stop in between.

Before the first capture of an hour is removed, the variant is told to have none of before: nobody who proves captures
then misses what is not there. What is kept beside them goes after them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from monitor_jobs.contract.capture import variant_prefix
from monitor_jobs.contract.retention import (
    CaptureFile,
    RetentionRule,
    capture_file,
    ended_at,
    is_beside_captures,
    rule_for,
    told_variant,
)
from monitor_jobs.contract.window import floor_hour
from monitor_jobs.object_store import ObjectStore, S3Address, StoredObject
from monitor_jobs.retention.beside import Beside


@dataclass(frozen=True, slots=True)
class Expired:
    """One object that was kept long enough, by which rule, and since when."""

    rule: RetentionRule
    entry: StoredObject
    ended_at: datetime
    capture: CaptureFile | None


def looked_at(
    store: ObjectStore, rule: RetentionRule, rules: Sequence[RetentionRule], now: datetime
) -> Iterator[tuple[StoredObject, Expired | None]]:
    """Every object below one rule's prefix, and what there is to say of it where it was kept long enough by that rule.

    `rules` are all of them: below a longer prefix another one holds. Raises StoreUnavailable.
    """
    for entry in store.list(S3Address.parse(rule.prefix)):
        yield entry, _expired(entry, rule, rules, now)


def sweep(store: ObjectStore, rules: Sequence[RetentionRule], now: datetime) -> Iterator[Expired | None]:
    """Remove what was kept long enough: each such object once it is gone, None for any other one looked at or removed.

    Raises StoreUnavailable; another pass goes on with what is left.
    """
    for rule in rules:
        before, variants = floor_hour(now - rule.keep), dict[tuple[str, str, str], Beside]()
        for entry, found in looked_at(store, rule, rules, now):
            variant = _variant_of(entry, found)
            if variant is not None and variant not in variants and _is_whole(variant, rule, rules):
                variants[variant] = Beside(store, *variant)
                variants[variant].tell_removed_before(before)
            if found is not None:
                store.delete(entry.address)
            yield found
        for beside in variants.values():
            yield from beside.tidy(before)


def _variant_of(entry: StoredObject, found: Expired | None) -> tuple[str, str, str] | None:
    """The variant beside whose captures something may be removed with this object."""
    if found is None:
        return told_variant(entry.address.bucket, entry.address.key)
    return None if found.capture is None else found.capture.of


def _expired(entry: StoredObject, rule: RetentionRule, rules: Sequence[RetentionRule], now: datetime) -> Expired | None:
    address = entry.address
    ended = ended_at(address.key, entry.modified_at)
    if is_beside_captures(address.key) or rule_for(str(address), rules) is not rule or ended + rule.keep > now:
        return None
    capture = capture_file(address.bucket, address.key)
    whole = capture is None or _is_whole(capture.of, rule, rules)
    return Expired(rule, entry, ended, capture) if whole else None


def _is_whole(variant: tuple[str, str, str], rule: RetentionRule, rules: Sequence[RetentionRule]) -> bool:
    """False of a part of a variant: whoever proves its captures could not tell what is gone from what is lost."""
    return rule_for(variant_prefix(*variant), rules) is rule
