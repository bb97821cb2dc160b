"""Tensors as an endpoint keeps them, written by its own functions, without the endpoint."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import torch
from torch import Tensor, nn

from monitor_jobs.contract.debug_hook import debug_hook_of
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.contract.tensor_files import StepFacts
from monitor_jobs.object_store.folder import FolderStore
from monitor_jobs.tensors import Trial, create_trial
from monitor_jobs.tensors.kinds import kept, twin_of
from service.core.deployment import EndpointSpec
from service.endpoint.tensor_hook.load import any_of, new_load

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
OUTPUT = "s3://bucket/tensors"


def keep(
    folder: Path, network: nn.Module, inputs: Tensor, *, card: ModelCard | None = None, sha256: str = "0", **asked: str
) -> Trial:
    """One step of a network, kept as the parameters ask for below `folder`, and read from there."""
    return keep_each(folder, network, [inputs], card=card, sha256=sha256, **asked)


def keep_each(
    folder: Path,
    network: nn.Module,
    requests: Sequence[Tensor],
    *,
    card: ModelCard | None = None,
    sha256: str = "0",
    **asked: str,
) -> Trial:
    """A step of a network for each request, a second apart from noon on, as `keep`."""
    hook = debug_hook_of({"tensors_output": OUTPUT, "SEXTANT_DEBUG_HOOK": json.dumps({"HookParameters": asked})})
    assert hook is not None
    spec = keeping_spec(folder)
    wanted = any_of(hook.collections)
    load = new_load(spec, hook, network, card or ModelCard(), model_sha256=sha256, started_at=NOON, unique="0" * 8)
    twin, store = twin_of(network, wanted), FolderStore(folder / "data")
    for number, inputs in enumerate(requests):
        with torch.inference_mode():
            scores = network(inputs)
        targets = scores.argmax(1).clone()
        found = kept(hook.kind, twin, inputs, targets, wanted)
        facts = StepFacts(
            event_id=f"event-{number}",
            inference_id=f"frame/{number}",
            answered_at=NOON + timedelta(seconds=number),
            scores=scores.tolist(),
            targets=targets.tolist(),
            size=(inputs.shape[2], inputs.shape[3]),
            layers=found.layers,
            same_as=found.same_as,
        )
        for address, body in [*load.objects.items(), load.names_object(found), load.step(number, found, facts)]:
            store.put(address, body)
    return create_trial(OUTPUT, store)


def keeping_spec(folder: Path) -> EndpointSpec:
    """An endpoint that has what is needed to keep tensors, and no more."""
    return EndpointSpec(
        endpoint="signs",
        variant="AllTraffic",
        model_name="signs",
        model_data_url="s3://bucket/model.tar.gz",
        spool_folder=folder,
        spool_budget_bytes=1,
        flush_interval_seconds=1,
    )


def kept_folder(folder: Path) -> Path:
    """Where what was kept lies as files."""
    return folder / "data" / "store" / "bucket" / "tensors"
