"""What an endpoint's process is told: its row, configuration, model and this installation's limits in one spec.

What lives here: reading rows. What does not: starting processes (endpoint_processes), and when (endpoints).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monitor_jobs.contract.capture import DataCaptureConfig
from monitor_jobs.contract.debug_hook import debug_hook_of
from monitor_jobs.contract.engines import THREADS_VARIABLE
from monitor_jobs.contract.errors import BadInput
from service.core.deployment import MAX_BODY_BYTES, Durability, EndpointSpec, WhenSpoolIsFull
from service.core.ports import Database
from service.core.records import EndpointConfigRecord, EndpointRecord, ModelRecord
from service.core.redaction import Redaction, redaction_of, require_hook_without_redaction
from service.core.variants import initial_weights


@dataclass(frozen=True, slots=True)
class CaptureLimits:
    """What every endpoint's process is given; torch chooses its number of threads where it is 0."""

    flush_interval_seconds: float
    spool_budget_bytes: int
    torch_threads: int
    when_spool_is_full: WhenSpoolIsFull = WhenSpoolIsFull.DROP
    durability: Durability = Durability.PROCESS
    max_body_bytes: int = MAX_BODY_BYTES
    redaction: Redaction | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """The processes of an endpoint under one configuration, one a variant in its order, and the variants' weights.

    There is one process a variant whatever InitialInstanceCount says: a machine is one instance.
    """

    specs: list[EndpointSpec]
    weights: dict[str, float]


class EndpointSpecs:
    """Specs of one installation; endpoints keep what is their own below `folder`."""

    def __init__(self, database: Database, folder: Path, limits: CaptureLimits) -> None:
        self._database = database
        self._folder = folder
        self._limits = limits

    def of(self, record: EndpointRecord, config_name: str) -> Wanted:
        """What this endpoint is to be under a configuration. Raises BadInput where a row is gone, or rules are none."""
        config = self._config(config_name)
        variants: list[dict[str, Any]] = config.request["ProductionVariants"]
        folders = self._spool_folders(record, [variant["VariantName"] for variant in variants])
        specs = [self._spec(record, config, variant, folders[variant["VariantName"]]) for variant in variants]
        return Wanted(specs, initial_weights(config.request))

    def _spec(
        self, record: EndpointRecord, config: EndpointConfigRecord, variant: dict[str, Any], spool_folder: Path
    ) -> EndpointSpec:
        model = self._model(variant["ModelName"])
        container: dict[str, Any] = model.request.get("PrimaryContainer") or model.request["Containers"][0]
        capture = config.request.get("DataCaptureConfig")
        redaction = redaction_of(self._limits.redaction, container.get("Environment", {}))
        require_hook_without_redaction(container.get("Environment", {}), redaction)
        _require_places_apart(container.get("Environment", {}), capture)
        return EndpointSpec(
            endpoint=record.name,
            variant=variant["VariantName"],
            model_name=model.name,
            model_data_url=container["ModelDataUrl"],
            environment=self._environment(container),
            data_capture=None if capture is None else DataCaptureConfig.model_validate(capture),
            redaction=redaction,
            spool_folder=spool_folder,
            spool_budget_bytes=self._limits.spool_budget_bytes,
            flush_interval_seconds=self._limits.flush_interval_seconds,
            when_spool_is_full=self._limits.when_spool_is_full,
            durability=self._limits.durability,
            max_body_bytes=self._limits.max_body_bytes,
        )

    def _config(self, name: str) -> EndpointConfigRecord:
        config = self._database.endpoint_configs.get(name)
        if config is None:
            raise BadInput(f"endpoint configuration {name} is gone: create the endpoint again")
        return config

    def _model(self, name: str) -> ModelRecord:
        model = self._database.models.get(name)
        if model is None:
            raise BadInput(f"model {name} is gone: create it again")
        return model

    def _spool_folders(self, record: EndpointRecord, variants: list[str]) -> dict[str, Path]:
        # Whoever takes over delivers what the one before it could not, even where the variant has another name by now.
        served = {one["variant"]: EndpointSpec.model_validate(one["spec"]).spool_folder for one in record.running}
        left_over = [folder for variant, folder in served.items() if variant not in variants]
        heirs = zip((variant for variant in variants if variant not in served), left_over, strict=False)
        own = {variant: (self._folder / record.name / variant / "spool").absolute() for variant in variants}
        return own | dict(heirs) | {variant: served[variant] for variant in variants if variant in served}

    def _environment(self, container: dict[str, Any]) -> dict[str, str]:
        threads = str(self._limits.torch_threads)
        ours = {} if self._limits.torch_threads == 0 else {THREADS_VARIABLE: threads}
        return {**ours, **container.get("Environment", {})}


def _require_places_apart(environment: dict[str, str], capture: dict[str, Any] | None) -> None:
    hook = debug_hook_of(environment)
    if hook is None or capture is None:
        return
    tensors, captures = (uri.rstrip("/") for uri in (hook.output, capture["DestinationS3Uri"]))
    if tensors == captures:
        raise BadInput(
            f"tensors and captures are both to go to {tensors}, where whoever reads captures would take the ones for "
            "the others: give tensors a prefix of their own"
        )


def running_spec(record: EndpointRecord | None, name: str) -> EndpointSpec:
    """What the endpoint's first variant was last started with; its configuration may be deleted by now.

    Raises BadInput where none was.
    """
    if record is None or not record.running:
        raise BadInput(f"endpoint {name} does not run: create it, or delete the schedule")
    return EndpointSpec.model_validate(record.running[0]["spec"])
