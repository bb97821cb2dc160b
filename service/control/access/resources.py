"""What a request concerns: the resources that it names or reaches, and the name that a grant must fit for each.

An endpoint, its configuration and a model go by their own names; what judges an endpoint goes by the endpoint's. A
schedule, job or execution that is not there has no such name: only who may see all of them is told so.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from monitor_jobs.contract.errors import BadInput
from service.core.job_definitions import RESOURCES, definition_id, job_input, referred
from service.core.names import Resource, arn, parse_arn
from service.core.ports import Database
from service.core.records import MonitoringType

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Installation:
    """Where requests are looked up: the database, and what ARNs say of this installation."""

    database: Database
    region: str
    account: str

    def arn(self, kind: Resource, name: str) -> str:
        """The ARN of a resource of SageMaker's."""
        return arn(kind, name, region=self.region, account=self.account)


class Target(NamedTuple):
    """One resource: the name that a grant must fit, None where only grants of every name do, and its ARN."""

    name: str | None
    arn: str


@dataclass(frozen=True, slots=True)
class Concern:
    """What requests of an operation concern: in words for people, and how it is found."""

    words: str
    find: Callable[[Json, Installation], Iterable[Target]]


def named(kind: Resource, member: str) -> Concern:
    """What goes by its own name."""

    def find(request: Json, here: Installation) -> Iterator[Target]:
        yield Target(request[member], here.arn(kind, request[member]))

    return Concern(f"the {WORDS[kind]}", find)


def definition(kind: MonitoringType) -> Concern:
    """A job definition that is there."""

    def find(request: Json, here: Installation) -> Iterator[Target]:
        yield _definition(kind, request["JobDefinitionName"], here)

    return Concern("the endpoint that the job definition judges", find)


def new_definition(kind: MonitoringType) -> Concern:
    """A job definition that is to be."""

    def find(request: Json, here: Installation) -> Iterator[Target]:
        source = job_input(kind, dict(request)).get("EndpointInput") or {}
        yield Target(source.get("EndpointName"), here.arn(RESOURCES[kind], request["JobDefinitionName"]))

    return Concern("the endpoint that the job definition judges", find)


def job(name: str, here: Installation) -> Target:
    """A processing job, by the endpoint that its schedule judges, or by its own name."""
    record = here.database.processing_jobs.get(name)
    at = here.arn(Resource.PROCESSING_JOB, name)
    return Target((record.access_name or None) if record else None, at)


def _schedule(request: Json, here: Installation) -> Iterator[Target]:
    name = request["MonitoringScheduleName"]
    record = here.database.schedules.get(name)
    yield Target(None if record is None else record.endpoint_name, here.arn(Resource.SCHEDULE, name))


def _new_schedule(request: Json, here: Installation) -> Iterator[Target]:
    config, at = request["MonitoringScheduleConfig"], here.arn(Resource.SCHEDULE, request["MonitoringScheduleName"])
    reference = referred(config)
    if reference is not None:
        yield Target(_definition(*reference, here).name, at)
        return
    for source in config["MonitoringJobDefinition"]["MonitoringInputs"]:
        yield Target((source.get("EndpointInput") or {}).get("EndpointName"), at)


def _changed_schedule(request: Json, here: Installation) -> Iterator[Target]:
    yield from _schedule(request, here)
    yield from _new_schedule(request, here)


def _referred_definition(request: Json, here: Installation) -> Iterator[Target]:
    reference = referred(request["MonitoringScheduleConfig"])
    if reference is not None:
        yield _definition(*reference, here)


def _execution(request: Json, here: Installation) -> Iterator[Target]:
    record = here.database.executions.get(request["MonitoringExecutionId"])
    # Executions have no ARN, and that of the schedule would tell that there is one.
    yield Target(None if record is None else record.endpoint_name, here.arn(Resource.SCHEDULE, "*"))


def _processing_job(request: Json, here: Installation) -> Iterator[Target]:
    yield job(request["ProcessingJobName"], here)


def _variant_models(request: Json, here: Installation) -> Iterator[Target]:
    variants = (*request["ProductionVariants"], *(request.get("ShadowProductionVariants") or ()))
    for name in dict.fromkeys(variant["ModelName"] for variant in variants if variant.get("ModelName")):
        yield Target(name, here.arn(Resource.MODEL, name))


def _of_arn(request: Json, here: Installation) -> Iterator[Target]:
    text = request["ResourceArn"]
    try:
        parts = parse_arn(text)
    except BadInput:
        yield Target(None, text)
        return
    if text != here.arn(parts.kind, parts.name):  # another account's: nothing here
        yield Target(None, text)
    elif parts.kind is Resource.SCHEDULE:
        yield from _schedule({"MonitoringScheduleName": parts.name}, here)
    elif parts.kind is Resource.PROCESSING_JOB:
        yield job(parts.name, here)
    elif parts.kind in KINDS:
        yield _definition(KINDS[parts.kind], parts.name, here)
    else:
        yield Target(parts.name, text)


def _definition(kind: MonitoringType, name: str, here: Installation) -> Target:
    record = here.database.job_definitions.get(definition_id(kind, name))
    return Target((record.endpoint_name or None) if record else None, here.arn(RESOURCES[kind], name))


def _nothing(_request: Json, _house: Installation) -> Iterable[Target]:
    return ()


def _all(_request: Json, _house: Installation) -> Iterable[Target]:
    return [Target(None, "*")]


WORDS: Final = {
    Resource.ENDPOINT: "endpoint",
    Resource.ENDPOINT_CONFIG: "endpoint configuration",
    Resource.MODEL: "model",
    Resource.PROCESSING_JOB: "job's own name",
}
KINDS: Final = {resource: kind for kind, resource in RESOURCES.items()}
SCHEDULE: Final = Concern("the endpoint that the schedule judges", _schedule)
NEW_SCHEDULE: Final = Concern("the endpoint that the schedule is to judge", _new_schedule)
CHANGED_SCHEDULE: Final = Concern("the endpoints that the schedule judges and is to judge", _changed_schedule)
REFERRED_DEFINITION: Final = Concern("the job definition that it names", _referred_definition)
EXECUTION: Final = Concern("the endpoint that the execution judges", _execution)
PROCESSING_JOB: Final = Concern("the endpoint that the job's schedule judges, else the job's own name", _processing_job)
VARIANT_MODELS: Final = Concern("the models of its variants", _variant_models)
TAGGED: Final = Concern("the resource of the ARN, as above", _of_arn)
LISTED: Final = Concern("each row that it lists: others are left out", _nothing)
NOTHING: Final = Concern("none", _nothing)
INSTALLATION: Final = Concern("the installation: grants of `*` only", _all)
