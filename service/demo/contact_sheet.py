"""One picture of the demo's explanations: each attacked record beside its clean original.

What lives here: which belong together, and laying them out. What does not: the explanations (`sextant explain`).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

ATTACKED, CLEAN = "attacked", "clean"


def original_of(inference_id: str) -> str:
    """The inference id of the scan that an attacked one was moved from."""
    return f"{CLEAN}-{inference_id.removeprefix(f'{ATTACKED}-')}"


def worst_of(report: Mapping[str, Any], count: int) -> list[str]:
    """The inference ids of the first records that a report's violations name."""
    rows = (row for violation in report["violations"] for row in violation["offending_records"])
    return list(dict.fromkeys(str(row["inference_id"]) for row in rows))[:count]


def write_contact_sheet(folder: Path, explanations: Sequence[Mapping[str, Any]], path: Path) -> None:
    """A PNG of all explanations, whose pictures lie in the folder: a row for each pair, the clean one on the left."""
    pictures = {str(one["inference_id"]): folder / str(one["picture_file"]) for one in explanations}
    pairs = [(original_of(name), name) for name in sorted(pictures) if name.startswith(f"{ATTACKED}-")]
    rows = [[_opened(pictures[name]) for name in pair if name in pictures] for pair in pairs]
    width = max(sum(picture.width for picture in row) for row in rows)
    sheet = Image.new("RGB", (width, sum(row[0].height for row in rows)), "white")
    top = 0
    for row in rows:
        left = width - sum(picture.width for picture in row)  # one without its original stays below its like
        for picture in row:
            sheet.paste(picture, (left, top))
            left += picture.width
        top += row[0].height
    sheet.save(path)


def _opened(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB")
