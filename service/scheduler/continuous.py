"""Outputs with S3UploadMode Continuous: uploaded while their job still writes them.

What lives here: when a file is uploaded early. What does not: the upload of everything at the job's end (publishing).
"""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from monitor_jobs.contract.container import ContainerPaths
from monitor_jobs.contract.errors import SextantError
from monitor_jobs.object_store import ObjectStore
from service.core.processing import CONTINUOUS, ProcessingOutput
from service.logs import EventLog
from service.scheduler.left_files import opened
from service.scheduler.publishing import output_files, upload_file

LOOK_SECONDS = 1.0

log = EventLog(__name__)


@contextmanager
def uploading_continuously(
    store: ObjectStore, outputs: Sequence[ProcessingOutput], paths: ContainerPaths
) -> Iterator[None]:
    """Uploads what changes in the continuous outputs, until the block is left; what fails is tried again later."""
    continuous = [
        _Continuous(store, output, paths) for output in outputs if output.s3_output.s3_upload_mode == CONTINUOUS
    ]
    if not continuous:
        yield
        return
    stop = threading.Event()

    def look_around() -> None:
        while not stop.wait(LOOK_SECONDS):
            for output in continuous:
                output.look()

    thread = threading.Thread(target=look_around, name="continuous-upload")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


class _Continuous:
    """One output: what of it was seen at the last look, and what has been uploaded."""

    def __init__(self, store: ObjectStore, output: ProcessingOutput, paths: ContainerPaths) -> None:
        self._store = store
        self._output = output
        self._paths = paths
        self._seen: dict[Path, tuple[int, int]] = {}
        self._uploaded: dict[Path, tuple[int, int]] = {}

    def look(self) -> None:
        """Upload the files that have changed, but not since the last look: they may be half written."""
        try:
            seen = {file: self._version(file) for file in output_files(self._output, self._paths)}
            for file, version in seen.items():
                if self._seen.get(file) == version != self._uploaded.get(file):
                    upload_file(self._store, self._output, self._paths, file)
                    self._uploaded[file] = version
            self._seen = seen
        except (SextantError, OSError) as error:
            log.warning("continuous_upload_waits", output=self._output.output_name, error=str(error))

    def _version(self, file: Path) -> tuple[int, int]:
        path = self._paths.below_root(self._output.s3_output.local_path) / file
        with opened(self._paths.root, path) as found:
            if found is None:
                return 0, 0
            status = os.fstat(found.fileno())
            return status.st_mtime_ns, status.st_size
