"""The model that a job was given: unpacked and loaded when it is first needed, which is running its code.

What lives here: where a job finds it, and one record's way into its network. What does not: what a network makes of
it (saliency), how a network is found and watched (model_functions).
"""

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from torch import Tensor, nn

from monitor_jobs.contract.capture import CaptureRecord
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.model_archive import unpack
from monitor_jobs.model_functions.codecs import JSON
from monitor_jobs.model_functions.functions import ModelRequest, ServedModel, load_model
from monitor_jobs.model_functions.network import inputs_of, network_of
from monitor_jobs.replay.bodies import body_of

MODEL_FOLDER: Final = "/opt/ml/processing/model"


@dataclass(frozen=True)
class ReplayedModel:
    """The model of the one archive below `folder`, which is unpacked to `scratch`."""

    folder: Path
    scratch: Path
    environment: Mapping[str, str]

    @cached_property
    def archive(self) -> Path:
        """Where it lies. Raises BadInput where there is none, or several."""
        archives = sorted(self.folder.rglob("*.tar.gz")) if self.folder.is_dir() else []
        if len(archives) != 1:
            raise BadInput(f"{MODEL_FOLDER} holds {len(archives)} archives: make one model.tar.gz an input of the job")
        return archives[0]

    @cached_property
    def sha256(self) -> str:
        """The digest of the archive, by which kept tensors name the model that answered."""
        with self.archive.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @cached_property
    def served(self) -> ServedModel:
        """The package's functions. Raises ModelUnsuitable as `load_model` does."""
        package = self.scratch / "package"
        unpack(self.archive, package)
        return load_model(package, self.environment)

    @cached_property
    def network(self) -> nn.Module:
        """The network inside it. Raises ModelUnsuitable where there is none, or several."""
        return network_of(self.served.model)

    def inputs(self, record: CaptureRecord) -> Tensor:
        """What the network is called with for the record's request, [N, C, H, W].

        Raises BadInput as `body_of`, ModelUnsuitable as `inputs_of`.
        """
        body, content_type = body_of(record)
        return inputs_of(self.served, self.network, ModelRequest(body, content_type, JSON))


@contextmanager
def replayed(folder: Path, environment: Mapping[str, str]) -> Iterator[ReplayedModel]:
    """The model of the one archive below a folder, for as long as the block lasts."""
    with tempfile.TemporaryDirectory() as scratch:
        yield ReplayedModel(folder, Path(scratch), environment)
