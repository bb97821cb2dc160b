"""What is written of a load before its first step: the hook's file, and what the model's version has.

What lives here: objects of a load and a step. What does not: when (keeper).
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from torch import nn

from monitor_jobs.contract.debug_hook import Collection, DebugHook, TensorKind
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.contract.tensor_files import (
    HOOK_FILE,
    NAMES_FOLDER,
    PARAMETERS_FOLDER,
    SUFFIX,
    LoadFacts,
    StepFacts,
    load_name,
    step_path,
)
from monitor_jobs.object_store import S3Address
from monitor_jobs.tensors.kinds import Kept, layer_facts, module_classes, parameters_of
from monitor_jobs.tensors.step_file import names_digest, packed
from service.core.deployment import EndpointSpec

Objects = dict[S3Address, bytes]


@dataclass(frozen=True, slots=True)
class Load:
    """One load of a model that keeps tensors; `address` is its own folder, which no other load ever has."""

    address: S3Address
    facts: LoadFacts
    objects: Objects  # to be there before a step is

    def step(self, number: int, kept: Kept, facts: StepFacts) -> tuple[S3Address, bytes]:
        """The object of a step."""
        digest = names_digest(self.names(kept))
        address = self.address.joined(step_path(facts.answered_at, number, digest))
        return address, packed(kept.arrays, facts.model_dump_json())

    def names(self, kept: Kept) -> list[str]:
        """All names of a step's tensors."""
        return sorted({*kept.arrays, *kept.same_as})

    def names_object(self, kept: Kept) -> tuple[S3Address, bytes]:
        """The object that lists them, of which there are few: most steps have the same."""
        names = self.names(kept)
        return self.address.joined(NAMES_FOLDER, f"{names_digest(names)}.json"), json.dumps(names).encode()


def new_load(
    spec: EndpointSpec,
    hook: DebugHook,
    network: nn.Module,
    card: ModelCard,
    *,
    model_sha256: str,
    started_at: datetime,
    unique: str,
) -> Load:
    """A load with a folder of its own below {S3OutputPath}/{endpoint}/{variant}. Raises BadInput for no address."""
    variant = S3Address.parse(hook.output).joined(spec.endpoint, spec.variant)
    address = variant.joined(load_name(started_at, unique))
    parameters = parameters_of(network, any_of(hook.collections)) if hook.kind is TensorKind.RAW else {}
    body = packed(parameters) if parameters else b""
    name = hashlib.sha256(body).hexdigest() + SUFFIX if body else None
    facts = LoadFacts(
        endpoint=spec.endpoint,
        variant=spec.variant,
        model_name=spec.model_name,
        model_data_url=spec.model_data_url,
        model_sha256=model_sha256,
        started_at=started_at,
        kind=hook.kind,
        network=type(network).__name__,
        classes=card.classes,
        collections=hook.collections,
        layers=layer_facts(network) if hook.kind is TensorKind.RAW else {},
        modules=module_classes(network),
        parameters=name,
    )
    objects = {variant.joined(PARAMETERS_FOLDER, name): body} if name else {}
    return Load(address, facts, {**objects, address.joined(HOOK_FILE): facts.model_dump_json(indent=2).encode()})


def any_of(collections: tuple[Collection, ...]) -> Callable[[str], bool]:
    """Whether a name is in any of the collections."""
    return lambda name: any(collection.has(name) for collection in collections)
