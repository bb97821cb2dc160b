"""Taking an id's lines out of one capture file.

First its amendment is written, then `note` hears of it, then the file: whichever is the last thing that happened, the
same follows when it is begun again.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

from monitor_jobs.capture_io import Contents, read_contents
from monitor_jobs.contract.erasure import Amendment, ErasedLines, amendment_address
from monitor_jobs.erasure.matching import Matcher
from monitor_jobs.erasure.variant import Variant
from monitor_jobs.object_store import Head, ObjectMissing, S3Address
from monitor_jobs.object_store.shown import put_shown, require_shown


def erase_lines(
    variant: Variant, key: str, matcher: Matcher, tombstone: str, note: Callable[[Amendment], object]
) -> int:
    """How many lines of a capture file were erased now. Raises StoreUnavailable."""
    with tempfile.TemporaryDirectory(prefix="sextant-erase-") as folder:
        before, after = Path(folder, "before"), Path(folder, "after")
        try:
            variant.store.download(variant.address_of(key), before)
        except ObjectMissing:
            return 0
        events = _without(before, after, matcher)
        if events:
            amendment = _amended(variant, key, read_contents(before), read_contents(after), tombstone, events)
            put_shown(variant.store, S3Address.parse(amendment_address(variant.side, key)), amendment.to_json())
            note(amendment)
            etag = variant.store.upload(after, variant.address_of(key))
            require_shown(variant.store, variant.address_of(key), Head(amendment.size_bytes, etag))
    return len(events)


def amendment_of(variant: Variant, key: str) -> Amendment | None:
    """What a capture file holds since lines were erased from it; None where none were, or nobody can tell."""
    text = variant.get(amendment_address(variant.side, key))
    try:
        return None if text is None else Amendment.from_json(text)
    except ValueError:
        return None


def _without(before: Path, after: Path, matcher: Matcher) -> list[str]:
    """The events of the lines that were left out of the copy."""
    events: list[str] = []
    with before.open("rb") as lines, after.open("wb") as kept:
        for line in lines:
            event = matcher.event_to_erase(line)
            if event is None:
                kept.write(line)
            else:
                events.append(event)
    return events


def _amended(
    variant: Variant, key: str, before: Contents, after: Contents, tombstone: str, events: list[str]
) -> Amendment:
    told = amendment_of(variant, key)
    earlier, digests = (told.erased, told.before) if told else ((), ())
    mine = _union(told.events_of(tombstone) if told else (), events)
    others = tuple(each for each in earlier if each.tombstone != tombstone)
    return Amendment(
        object_key=key,
        records=after.records,
        size_bytes=after.size_bytes,
        sha256=after.sha256,
        first_inference_time=after.first,
        last_inference_time=after.last,
        before=tuple(dict.fromkeys([*digests, before.sha256])),
        erased=(*others, ErasedLines(tombstone=tombstone, events=mine)),
    )


def _union(told: tuple[str, ...], found: list[str]) -> tuple[str, ...]:
    """Each event once; lines that tell none as often as they were found at a time."""
    nameless = max(told.count(""), found.count(""))
    return (*dict.fromkeys(each for each in (*told, *found) if each), *[""] * nameless)
