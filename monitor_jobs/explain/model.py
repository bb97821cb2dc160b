"""The model that is asked again: unpacked and loaded when it is first needed, which running its code is.

What lives here: the archive of a job. What does not: its network (model_functions).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from torch import nn

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.model_archive import unpack
from monitor_jobs.model_functions.functions import ServedModel, load_model
from monitor_jobs.model_functions.network import network_of


@dataclass(frozen=True)
class Model:
    """The one archive in `folder`; its package goes to `scratch`."""

    folder: Path
    scratch: Path
    environment: Mapping[str, str]

    @cached_property
    def archive(self) -> Path:
        """Where it lies. Raises BadInput where there is none, or several."""
        archives = sorted(self.folder.rglob("*.tar.gz")) if self.folder.is_dir() else []
        if len(archives) != 1:
            raise BadInput(f"{self.folder} holds {len(archives)} archives: make one model.tar.gz an input of the job")
        return archives[0]

    @cached_property
    def sha256(self) -> str:
        """The digest of the archive."""
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
        """The network in it. Raises ModelUnsuitable where there is none, or several."""
        return network_of(self.served.model)
