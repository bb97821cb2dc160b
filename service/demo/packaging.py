"""The digits model as SageMaker takes it: one model.tar.gz.

What lives here: which files belong to the package. What does not: the archive's format (monitor_jobs.model_archive).
"""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from monitor_jobs.model_archive import pack

PACKAGE_FOLDER = Path(__file__).parent / "package"
PACKAGE_FILES = ("code/digits_net.py", "code/inference.py", "code/model_card.json", "model.safetensors")


def write_package(archive: Path) -> Path:
    """Write the digits package to `archive` and return that path; the same bytes every time."""
    with TemporaryDirectory() as folder:
        # Importing the network leaves compiled files beside it, which must not travel.
        for name in PACKAGE_FILES:
            copy = Path(folder, name)
            copy.parent.mkdir(exist_ok=True)
            shutil.copyfile(PACKAGE_FOLDER / name, copy)
        pack(Path(folder), archive)
    return archive
