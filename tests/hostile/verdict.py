"""What is wrong with what an archive did, and Python's own extractor for comparison.

What does not live here: unpacking with ours (unpacking), the archives (archives).
"""

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from tests.hostile.archives import HostileArchive
from tests.hostile.sandbox import make_sandbox, picture
from tests.hostile.unpacking import ARCHIVE, TARGET, Outcome

MEMORY_MAX_KIB: Final = 16 << 10
SENTENCE_MAX_CHARACTERS: Final = 1000


def faults(hostile: HostileArchive, outcome: Outcome) -> Iterator[str]:
    """What should not have been, in words; nothing where the archive was refused as it should, or did no harm."""
    if outcome.error is not None:
        yield f"{hostile.name}: {outcome.error}"
    elif hostile.refusal is None:
        yield from () if outcome.refused is None else (f"{hostile.name}: harmless, yet refused: {outcome.refused}",)
    elif hostile.refusal not in (outcome.refused or ""):
        yield f"{hostile.name}: {outcome.refused!r} does not say {hostile.refusal!r}"
    if len(outcome.refused or "") > SENTENCE_MAX_CHARACTERS:
        yield f"{hostile.name}: a sentence of {len(outcome.refused or '')} characters"
    yield from (f"{hostile.name}: touched {name}" for name in outcome.outside)
    yield from (f"{hostile.name}: left {name}, no plain file" for name in outcome.irregular)
    yield from (f"{hostile.name}: ran {event}" for event in outcome.code)
    if outcome.written_bytes > outcome.allowed_bytes or outcome.peak_growth_kib > MEMORY_MAX_KIB:
        yield f"{hostile.name}: wrote {outcome.written_bytes} bytes, took {outcome.peak_growth_kib} KiB of memory"


def touched_by_tarfile(
    hostile: HostileArchive, folder: Path, extraction_filter: Literal["data", "fully_trusted"]
) -> list[str]:
    """What Python's own extractor touches outside the folder it is told; only for archives that aim at the sandbox."""
    sandbox = make_sandbox(folder)
    (sandbox / ARCHIVE).write_bytes(hostile.content(sandbox))
    (sandbox / TARGET).mkdir()
    before = picture(sandbox, TARGET)
    try:
        with tarfile.open(sandbox / ARCHIVE) as archive:
            archive.extractall(sandbox / TARGET, filter=extraction_filter)
    except (tarfile.TarError, OSError):
        pass  # what it did until then counts
    return sorted({name for name, _ in before.items() ^ picture(sandbox, TARGET).items()})
