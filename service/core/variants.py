"""An endpoint's production variants as its row keeps them: one process each, and its share of the requests.

What lives here: reading and changing the entries of `EndpointRecord.running`. What does not: processes, requests.

An entry is a JSON object: `variant`, `handle` and `spec` say which process it is; `weight` is what requests are drawn
by, `desired_weight` what was last asked for; `weighted_at` is when the one became the other. `loading_since` is when a
process was started in the place of one that died; none once it is ready.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from service.core.handover import ADDRESS_SECONDS
from service.core.records import EndpointRecord, Json

DEFAULT_WEIGHT = 1.0  # SageMaker's, where a configuration says none


@dataclass(frozen=True, slots=True)
class Variant:
    """One variant that serves."""

    name: str
    address: str
    weight: float
    desired_weight: float
    is_loading: bool


def variants_of(record: EndpointRecord) -> tuple[Variant, ...]:
    """The variants that serve, in the order of their configuration."""
    return tuple(map(variant_of, record.running))


def variant_of(process: Json) -> Variant:
    """The variant that a process serves."""
    return Variant(
        name=process["variant"],
        address=process["handle"]["address"],
        weight=weight_of(process.get("weight")),
        desired_weight=_desired_weight(process),
        is_loading=loading_since(process) is not None,
    )


def initial_weights(config_request: Json) -> dict[str, float]:
    """The weights that a configuration asks for, by variant."""
    variants: list[dict[str, Any]] = config_request["ProductionVariants"]
    return {str(each["VariantName"]): weight_of(each.get("InitialVariantWeight")) for each in variants}


def weight_of(given: float | None) -> float:
    """A weight as sent, SageMaker's default where none was."""
    return DEFAULT_WEIGHT if given is None else float(given)


def weighted(process: Json, weights: Mapping[str, float]) -> Json:
    """A process that gets the share of its variant; one that no weight is known of gets the default."""
    weight = weights.get(process["variant"], DEFAULT_WEIGHT)
    return {**process, "weight": weight, "desired_weight": weight}


def asked_for(process: Json, weights: Mapping[str, float]) -> Json:
    """The same process with another share that it is to get."""
    return {**process, "desired_weight": weights.get(process["variant"], _desired_weight(process))}


def current_weights(record: EndpointRecord) -> dict[str, float]:
    """What requests are drawn by, by variant."""
    return {variant.name: variant.weight for variant in variants_of(record)}


def is_reweighted(record: EndpointRecord) -> bool:
    """True where some variant is to get another share than it has."""
    return any(variant.weight != variant.desired_weight for variant in variants_of(record))


def reweighted(record: EndpointRecord, now: datetime) -> list[Json]:
    """The processes that serve, each with the share that it is to get."""
    return [{**one, "weight": _desired_weight(one), "weighted_at": now.isoformat()} for one in record.running]


def is_drawn_by(record: EndpointRecord, now: datetime) -> bool:
    """True once nobody draws by weights that were before: for so long a gateway may go on (core.handover)."""
    moments = (datetime.fromisoformat(one["weighted_at"]) for one in record.running if "weighted_at" in one)
    return all(moment + timedelta(seconds=ADDRESS_SECONDS) <= now for moment in moments)


def loading_since(process: Json) -> datetime | None:
    """Since when a process loads that was started in the place of one that died; None for any other."""
    since = process.get("loading_since")
    return None if since is None else datetime.fromisoformat(since)


def loaded_again(process: Json) -> Json:
    """The same process once it is ready."""
    return {name: value for name, value in process.items() if name != "loading_since"}


def _desired_weight(process: Json) -> float:
    return weight_of(process.get("desired_weight", process.get("weight")))
