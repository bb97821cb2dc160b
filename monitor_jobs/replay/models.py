"""The model that a job was given, loaded and ready to be asked again.

What lives here: where a job finds it, and one record's way into its network. What does not: what a network makes of
it (saliency).
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from torch import Tensor, nn

from monitor_jobs.contract.capture import CaptureRecord
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.model_archive import unpack
from monitor_jobs.model_functions.codecs import JSON
from monitor_jobs.model_functions.functions import ModelRequest, ServedModel, load_model
from monitor_jobs.replay.bodies import body_of
from monitor_jobs.replay.network import inputs_of, network_of

MODEL_FOLDER: Final = "/opt/ml/processing/model"


@dataclass(frozen=True, slots=True)
class ReplayedModel:
    """A model that can be asked again, and the network inside it."""

    served: ServedModel
    network: nn.Module

    def inputs(self, record: CaptureRecord) -> Tensor:
        """What the network is called with for the record's request, [N, C, H, W].

        Raises BadInput as `body_of`, ModelUnsuitable as `inputs_of`.
        """
        body, content_type = body_of(record)
        return inputs_of(self.served, self.network, ModelRequest(body, content_type, JSON))


@contextmanager
def replayed(folder: Path, environment: Mapping[str, str]) -> Iterator[ReplayedModel]:
    """The model of the one archive below a folder, unpacked for as long as the block lasts.

    Raises BadInput where there is not one archive, ModelUnsuitable as `load_model` and `network_of`.
    """
    archive = _archive(folder)
    with tempfile.TemporaryDirectory() as unpacked:
        package = Path(unpacked) / "package"
        unpack(archive, package)
        served = load_model(package, environment)
        yield ReplayedModel(served, network_of(served.model))


def _archive(folder: Path) -> Path:
    archives = sorted(folder.rglob("*.tar.gz")) if folder.is_dir() else []
    if len(archives) != 1:
        raise BadInput(f"{MODEL_FOLDER} holds {len(archives)} archives: make one model.tar.gz an input of the job")
    return archives[0]
