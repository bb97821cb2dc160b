"""The captures of one variant in a store, as erasing goes through them."""

from collections.abc import Iterator
from dataclasses import dataclass

from monitor_jobs.contract.capture import CAPTURE_SUFFIX, side_prefix, variant_prefix
from monitor_jobs.contract.manifest import Manifest, manifest_address
from monitor_jobs.contract.watermark import Watermark, closed_watermark_folder, open_watermark_folder
from monitor_jobs.object_store import ObjectMissing, ObjectStore, S3Address, StoredObject


@dataclass(frozen=True, slots=True)
class Variant:
    """Where the captures of one variant of an endpoint lie."""

    store: ObjectStore
    destination: str
    endpoint: str
    variant: str

    @property
    def side(self) -> str:
        """The address of what is kept beside the captures."""
        return side_prefix(self.destination, self.endpoint, self.variant)

    def address_of(self, key: str) -> S3Address:
        """The address of a key in the captures' bucket."""
        return S3Address(S3Address.parse(self.destination).bucket, key)

    def path_of(self, key: str) -> str:
        """A capture file's path below the destination, as indexes and reports name it."""
        return key.removeprefix(S3Address.parse(self.destination).key + "/")

    def captures(self) -> Iterator[StoredObject]:
        """Every capture file."""
        prefix = variant_prefix(self.destination, self.endpoint, self.variant) + "/"
        listed = self.store.list(S3Address.parse(prefix))
        return (entry for entry in listed if entry.address.key.endswith(CAPTURE_SUFFIX))

    def below(self, address: str) -> Iterator[StoredObject]:
        """Every object whose address begins so."""
        return self.store.list(S3Address.parse(address))

    def get(self, address: str) -> bytes | None:
        """An object's bytes; None where there is none."""
        try:
            return self.store.get(S3Address.parse(address))
        except ObjectMissing:
            return None

    def manifest(self, producer: str, sequence: int) -> Manifest | None:
        """What became of a segment; None where nothing is told, or nothing that can be read."""
        text = self.get(manifest_address(self.side, producer, sequence))
        try:
            return None if text is None else Manifest.from_json(text)
        except ValueError:
            return None

    def open_watermarks(self) -> dict[str, Watermark]:
        """How far every producer that has not ended has come."""
        return self._watermarks(open_watermark_folder(self.side))

    def closed_watermarks(self) -> dict[str, Watermark]:
        """The last word of those that have."""
        return self._watermarks(closed_watermark_folder(self.side))

    def _watermarks(self, folder: str) -> dict[str, Watermark]:
        found: dict[str, Watermark] = {}
        for entry in self.below(folder):
            text = self.get(str(entry.address))
            try:
                mark = None if text is None else Watermark.from_json(text)
            except ValueError:
                continue  # a proof of capture names it
            if mark is not None:
                found[mark.producer] = mark
        return found
