"""Inputs of a processing job on the file system: captures of a window, baselines, the model card.

What lives here: copying from the store to below a job's root, in the layout of the container contract. What does not:
what the job does with them (monitor_jobs.job), uploads (publishing).
"""

import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from monitor_jobs.capture_io import copy_lines_inside
from monitor_jobs.contract.capture import CAPTURE_SUFFIX, hour_folder, side_prefix
from monitor_jobs.contract.completeness import CaptureProof
from monitor_jobs.contract.container import ContainerPaths
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.ground_truth import GROUND_TRUTH_SUFFIX, MergeCounts, ground_truth_folder
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.contract.side_index import IndexedCapture, index_folder
from monitor_jobs.contract.window import Window, hours_of
from monitor_jobs.ground_truth import Labels, Merge, Unlabelled, Uploads
from monitor_jobs.model_archive import read_model_card_from_archive
from monitor_jobs.object_store import ObjectMissing, ObjectStore, S3Address, StoredObject
from service.core.deployment import EndpointSpec
from service.core.monitoring import COMPLETENESS_PATH, GROUND_TRUTH_PATH, MODEL_CARD_PATH
from service.core.processing import ProcessingInput
from service.logs import EventLog

COUNT_CHUNK_BYTES = 1 << 20

log = EventLog(__name__)


def stage_captures(
    store: ObjectStore, spec: EndpointSpec, window: Window, target: Path, *, side_index: Path | None = None
) -> int:
    """How many capture lines of the window now lie below `target/{endpoint}/{variant}/yyyy/mm/dd/hh`.

    Whole-hour windows stage whole hour folders, as AWS does; others only the lines inside. Where a folder is named that
    takes the side index, whole hours leave the capture files that it covers where they are.
    Proven by tests/integration/test_staging.py.
    """
    if spec.data_capture is None:
        raise BadInput(f"endpoint {spec.endpoint} captures nothing: create it with a DataCaptureConfig")
    captures = _Captures(store, spec.data_capture.destination_s3_uri, spec.endpoint, spec.variant)
    index = side_index if window.whole_hours else None
    return sum(_stage_hour(captures, hour, window, target, index) for hour in hours_of(window))


def merge_ground_truth(
    store: ObjectStore,
    address: str,
    uploaded: Window,
    captures: Path,
    *,
    paths: ContainerPaths,
    unlabelled: Unlabelled = Unlabelled.LEFT_OUT,
) -> MergeCounts:
    """What came of merging ground truth into the captures that were staged: they are replaced, file by file.

    Only labels count that were uploaded in hours of `uploaded`; of several of one record, the last upload's. A file
    of which nothing is kept is left out. The counts are put where the container looks for them.
    """
    work = paths.root / "merging"  # beside /opt/ml: no job sees it, and it goes with the job's folder
    work.mkdir(parents=True)
    merge = Merge(_uploaded_labels(store, address, uploaded, work), unlabelled)
    for path in sorted(captures.rglob(f"*{CAPTURE_SUFFIX}")):
        merged = work / "merged"
        kept = merge.merge_file(path, merged)
        path.unlink()
        if kept:
            merged.rename(path)
    counts = merge.counts()
    _leave(counts.model_dump_json(), paths.below_root(GROUND_TRUTH_PATH))
    return counts


def stage_input(store: ObjectStore, source: ProcessingInput, paths: ContainerPaths) -> None:
    """Stage the objects of one S3 input: a single object by its name, or everything below a prefix.

    Raises BadInput where there is nothing, as SageMaker does.
    """
    address = S3Address.parse(source.s3_input.s3_uri)
    folder = paths.below_root(source.s3_input.local_path)
    found = list(_below(store, address))
    if not found:
        raise BadInput(f"No S3 objects found under S3 URL {address}: check the input {source.input_name}")
    for entry, relative in found:
        if ".." in PurePosixPath(relative).parts:
            raise BadInput(
                f"{entry.address} would be staged outside of {source.s3_input.local_path}: rename the object"
            )
        _download(store, entry.address, folder / relative)


def stage_model_card(store: ObjectStore, model_data_url: str, *, cache: Path, paths: ContainerPaths) -> None:
    """Put the model's card where its container looks for it; a package is read once, not once an execution."""
    card = _cached_card(store, S3Address.parse(model_data_url), cache)
    target = paths.below_root(MODEL_CARD_PATH)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(card, target)


def model_card(store: ObjectStore, model_data_url: str, cache: Path) -> ModelCard:
    """The card in a model's package. Raises BadInput where the package is gone."""
    return ModelCard.model_validate_json(_cached_card(store, S3Address.parse(model_data_url), cache).read_bytes())


def stage_model(store: ObjectStore, model_data_url: str, paths: ContainerPaths) -> None:
    """Put the model's package beside its card, for a job that loads the model. Raises BadInput where it is gone."""
    try:
        _download(store, S3Address.parse(model_data_url), paths.below_root(MODEL_CARD_PATH).parent / "model.tar.gz")
    except ObjectMissing as error:
        raise BadInput(f"model package {model_data_url} is gone from the store: upload it again") from error


def stage_completeness(proof: CaptureProof, paths: ContainerPaths) -> None:
    """Put what is known to be missing of the captures where the container looks for it."""
    _leave(proof.model_dump_json(), paths.below_root(COMPLETENESS_PATH))


@dataclass(frozen=True, slots=True)
class _Captures:
    """The captures of one variant, and what the side index says of them."""

    store: ObjectStore
    destination: str
    endpoint: str
    variant: str

    def in_hour(self, hour: datetime) -> dict[str, StoredObject]:
        """The capture files of one hour, by their path below the destination."""
        folder = f"{self.endpoint}/{self.variant}/{hour_folder(hour)}/"
        listing = self.store.list(S3Address.parse(f"{self.destination}/{folder}"))
        return {
            folder + entry.address.key.rpartition("/")[2]: entry
            for entry in listing
            if entry.address.key.endswith(CAPTURE_SUFFIX)
        }

    def index_of_hour(self, hour: datetime) -> Iterator[S3Address]:
        """The parts of one hour's index."""
        side = side_prefix(self.destination, self.endpoint, self.variant)
        return (entry.address for entry in self.store.list(S3Address.parse(index_folder(side, hour))))


def _stage_hour(captures: _Captures, hour: datetime, window: Window, target: Path, side_index: Path | None) -> int:
    files = captures.in_hour(hour)
    covered = _stage_index(captures, hour, files, side_index) if side_index is not None and files else {}
    staged = (
        _stage_file(captures.store, entry.address, target / object_key, window)
        for object_key, entry in files.items()
        if object_key not in covered
    )
    return sum(staged) + sum(capture.lines for capture in covered.values())


def _stage_index(
    captures: _Captures, hour: datetime, files: Mapping[str, StoredObject], folder: Path
) -> dict[str, IndexedCapture]:
    """What the parts that were kept cover: those of which each capture is still as it was, and covered only once."""
    from monitor_jobs.side_index import read_covered  # Parquet takes long to import, and the command line has no use

    kept: dict[str, IndexedCapture] = {}
    for address in captures.index_of_hour(hour):
        part = folder / address.key.rpartition("/")[2]
        try:
            _download(captures.store, address, part)
            covered = {capture.object_key: capture for capture in read_covered(part)}
        except (BadInput, ObjectMissing) as error:
            log.warning("side_index_not_read", address=str(address), error=str(error))
            covered = {}
        as_indexed = all(_is_as_indexed(capture, files) for capture in covered.values())
        if covered and as_indexed and covered.keys().isdisjoint(kept):
            kept |= covered
        else:
            part.unlink(missing_ok=True)
    return kept


def _is_as_indexed(capture: IndexedCapture, files: Mapping[str, StoredObject]) -> bool:
    found = files.get(capture.object_key)
    return found is not None and found.size_bytes == capture.size_bytes


def _stage_file(store: ObjectStore, address: S3Address, target: Path, window: Window) -> int:
    if window.whole_hours:
        _download(store, address, target)
        return _count_lines(target)
    whole = target.with_suffix(".whole")
    _download(store, address, whole)
    lines = copy_lines_inside(whole, target, window)
    whole.unlink()
    if lines == 0:
        target.unlink(missing_ok=True)
    return lines


def _count_lines(path: Path) -> int:
    count, last = 0, b"\n"
    with path.open("rb") as file:
        while chunk := file.read(COUNT_CHUNK_BYTES):
            count, last = count + chunk.count(b"\n"), chunk[-1:]
    return count + (last != b"\n")  # a last line counts, cut short as it may be


def _uploaded_labels(store: ObjectStore, address: str, uploaded: Window, work: Path) -> Labels:
    uploads, arrived = Uploads(work / "labels"), work / "upload"
    for hour in hours_of(uploaded):
        found = store.list(S3Address.parse(ground_truth_folder(address, hour)))
        # Two uploads of one moment: the later name, so that every run takes the same.
        for entry in sorted(found, key=lambda entry: (entry.modified_at, entry.address)):
            if entry.address.key.endswith(GROUND_TRUTH_SUFFIX):
                store.download(entry.address, arrived)
                uploads.add_file(arrived)
    return uploads.labels()


def _leave(text: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")


def _below(store: ObjectStore, address: S3Address) -> Iterator[tuple[StoredObject, str]]:
    for entry in store.list(address):
        rest = entry.address.key.removeprefix(address.key)
        # A prefix matches names, not folders: `base` must not stage `baseline/x`.
        if rest == "" or rest.startswith("/") or address.key.endswith("/") or address.key == "":
            yield entry, rest.lstrip("/") or entry.address.key.rpartition("/")[2]


def _download(store: ObjectStore, address: S3Address, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    store.download(address, path)


def _cached_card(store: ObjectStore, address: S3Address, cache: Path) -> Path:
    try:
        identity = f"{address} {store.head(address).size_bytes}"
    except ObjectMissing as error:
        raise BadInput(f"model package {address} is gone from the store: upload it again") from error
    card = cache / f"{hashlib.sha256(identity.encode()).hexdigest()}.json"
    if not card.exists():
        cache.mkdir(parents=True, exist_ok=True)
        # In a folder of its own: two jobs of one model may come here at the same time.
        with tempfile.TemporaryDirectory(dir=cache) as own:
            archive, arrived = Path(own, "model.tar.gz"), Path(own, "model_card.json")
            store.download(address, archive)
            arrived.write_text(read_model_card_from_archive(archive).model_dump_json())
            arrived.rename(card)
    return card
