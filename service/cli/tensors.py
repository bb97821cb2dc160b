"""Tensors that an endpoint keeps, as inputs of a job.

What lives here: which objects a window has. What does not: reading them (monitor_jobs.tensors).
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from monitor_jobs.contract.errors import BadInput
from service.cli.client import Client, endpoint_config_of, store
from service.core.processing_requests import DATASET, MODEL_FOLDER, s3_input

if TYPE_CHECKING:
    from monitor_jobs.contract.tensor_files import LoadFacts
    from monitor_jobs.contract.window import Window
    from monitor_jobs.object_store import S3Address

TENSORS_FOLDER = "/opt/ml/processing/tensors"
MAX_INPUTS = 9  # of the ten that a processing job may have; the tenth is the model


def tensor_inputs_of(
    client: Client, endpoint: str, window: "Window", container: dict[str, Any]
) -> list[dict[str, Any]]:
    """Inputs that hold every step of the window, and the model only where steps are kept to be asked again.

    Raises BadInput as `step_inputs_of` does.
    """
    kept = _kept_of(client, endpoint, window, container)
    replayed = [load.model_data_url for load in kept.loads if load.kind == "replay"]
    return [*kept.inputs(TENSORS_FOLDER), *(s3_input("model", url, MODEL_FOLDER) for url in replayed[-1:])]


def step_inputs_of(client: Client, endpoint: str, window: "Window", container: dict[str, Any]) -> list[dict[str, Any]]:
    """Inputs that hold every step of the window where a monitor looks for its dataset.

    Raises BadInput where the endpoint keeps no tensors, or none of that time.
    """
    return _kept_of(client, endpoint, window, container).inputs(DATASET)


class _Kept(NamedTuple):
    """What a window has: folders and files below the variant's address, and what is said of their loads."""

    variant: "S3Address"
    places: list[str]
    loads: "list[LoadFacts]"

    def inputs(self, below: str) -> list[dict[str, Any]]:
        """An input for each place, in the same layout below a folder of the container."""
        return [
            s3_input(f"tensors-{index}", str(self.variant.joined(place)), f"{below}/{_folder(place)}".rstrip("/"))
            for index, place in enumerate(self.places)
        ]


def _kept_of(client: Client, endpoint: str, window: "Window", container: dict[str, Any]) -> _Kept:
    from monitor_jobs.contract.debug_hook import required_debug_hook
    from monitor_jobs.object_store import S3Address

    hook = required_debug_hook(endpoint, container.get("Environment", {}))
    variant = S3Address.parse(hook.output).joined(endpoint, _variant(client, endpoint))
    loads = {load: _facts(variant.joined(load)) for load in _loads(variant)}
    steps = {load: list(_hours(variant.joined(load), window)) for load in loads}
    held = [load for load in loads if steps[load]]
    if not held:
        raise BadInput(f"{variant} has no tensors from {window}: widen the window")
    places = [*(place for load in held for place in _places(load, steps[load])), *_parameters(variant)]
    if len(places) > MAX_INPUTS:
        places = [""]  # too many for an input each: all of them, and the job keeps to the window
    return _Kept(variant, places, [loads[load] for load in held])


def _variant(client: Client, endpoint: str) -> str:
    return str(endpoint_config_of(client, endpoint)["ProductionVariants"][0]["VariantName"])


def _loads(variant: "S3Address") -> list[str]:
    from monitor_jobs.contract.tensor_files import HOOK_FILE
    from monitor_jobs.object_store import S3Address

    start = len(variant.key) + 1
    keys = (found.address.key[start:] for found in store().list(S3Address.parse(f"{variant}/")))
    return [key.rpartition("/")[0] for key in keys if key.endswith(f"/{HOOK_FILE}")]


def _facts(load: "S3Address") -> "LoadFacts":
    from monitor_jobs.contract.tensor_files import HOOK_FILE, LoadFacts

    return LoadFacts.model_validate_json(store().get(load.joined(HOOK_FILE)))


def _hours(load: "S3Address", window: "Window") -> Iterator[str]:
    from monitor_jobs.contract.capture import hour_folder
    from monitor_jobs.contract.tensor_files import STEPS_FOLDER
    from monitor_jobs.contract.window import hours_of
    from monitor_jobs.object_store import S3Address

    for hour in hours_of(window):
        folder = f"{STEPS_FOLDER}/{hour_folder(hour)}"
        if any(store().list(S3Address.parse(f"{load}/{folder}/"))):
            yield folder


def _places(load: str, hours: list[str]) -> Iterator[str]:
    from monitor_jobs.contract.tensor_files import HOOK_FILE

    yield f"{load}/{HOOK_FILE}"
    yield from (f"{load}/{hour}" for hour in hours)


def _parameters(variant: "S3Address") -> Iterator[str]:
    from monitor_jobs.contract.tensor_files import PARAMETERS_FOLDER
    from monitor_jobs.object_store import S3Address

    if any(store().list(S3Address.parse(f"{variant}/{PARAMETERS_FOLDER}/"))):
        yield PARAMETERS_FOLDER


def _folder(place: str) -> str:
    """Where an object of a load, or a folder, is staged: one object goes by its own name into its folder."""
    return place.rpartition("/")[0] if place.endswith(".json") else place
