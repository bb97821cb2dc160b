"""The four kinds of job definitions, and what a schedule that names one runs.

What lives here: how the kinds spell their members, and the MonitoringJobDefinition that each amounts to. What does not:
the job of an execution (monitoring), keeping definitions.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from monitor_jobs.contract.catalog import BUILT_IN_MONITORS, prebuilt_repository, prebuilt_without_monitor
from monitor_jobs.contract.errors import BadInput
from service.core.names import Resource
from service.core.records import JobDefinitionRecord, MonitoringType

Json = dict[str, Any]

RESOURCES: Final[Mapping[MonitoringType, Resource]] = {
    MonitoringType.DATA_QUALITY: Resource.DATA_QUALITY_JOB_DEFINITION,
    MonitoringType.MODEL_QUALITY: Resource.MODEL_QUALITY_JOB_DEFINITION,
    MonitoringType.MODEL_BIAS: Resource.MODEL_BIAS_JOB_DEFINITION,
    MonitoringType.MODEL_EXPLAINABILITY: Resource.MODEL_EXPLAINABILITY_JOB_DEFINITION,
}


def definition_id(kind: MonitoringType, name: str) -> str:
    """What tells a definition from those of other kinds: the end of its ARN."""
    return f"{RESOURCES[kind]}/{name}"


def job_input(kind: MonitoringType, request: Mapping[str, Any]) -> Json:
    """What a definition judges: the member of its input that is an endpoint or a batch transform job.

    Raises BadInput where it is neither, or both.
    """
    given = request[f"{kind}JobInput"]
    found = {name: given[name] for name in ("EndpointInput", "BatchTransformInput") if name in given}
    if len(found) != 1:
        raise BadInput(f"{kind}JobInput needs one of EndpointInput and BatchTransformInput, and has {len(found)}")
    return found


def referred(config: Mapping[str, Any]) -> tuple[MonitoringType, str] | None:
    """Kind and name of the definition that a schedule's configuration names, None where it brings its own.

    Raises BadInput where it does neither or both, or names no kind.
    """
    name, inline = config.get("MonitoringJobDefinitionName"), config.get("MonitoringJobDefinition")
    if (name is None) == (inline is None):
        raise BadInput(
            "MonitoringScheduleConfig needs either MonitoringJobDefinition or MonitoringJobDefinitionName, not "
            + ("both" if inline is not None else "neither")
        )
    if name is None:
        return None
    if "MonitoringType" not in config:
        raise BadInput(f"MonitoringJobDefinitionName {name} needs its MonitoringType: {', '.join(MonitoringType)}")
    return MonitoringType(config["MonitoringType"]), str(name)


def with_definition(config: Mapping[str, Any], find: Callable[[str], JobDefinitionRecord | None]) -> Json:
    """The schedule's configuration with its definition in place, whether it brought it or names one.

    Raises BadInput where the definition is not there or cannot run here.
    """
    reference = referred(config)
    if reference is None:
        definition = config["MonitoringJobDefinition"]
    else:
        kind, name = reference
        found = find(definition_id(kind, name))
        if found is None:
            raise BadInput(f"Could not find {kind} job definition {name}: create it before its schedule")
        definition = _inline(found)
    return {**config, "MonitoringJobDefinition": definition}


def require_runnable(definition: Mapping[str, Any]) -> None:
    """Return where something here can run a MonitoringJobDefinition. Raises BadInput that says what cannot."""
    image = definition["MonitoringAppSpecification"]["ImageUri"]
    if prebuilt_without_monitor(image):
        raise BadInput(
            f"{image} is AWS's {prebuilt_repository(image)}, and no monitor here stands in for it: "
            f"schedule {', '.join(BUILT_IN_MONITORS)} or an image of your own"
        )
    for source in definition["MonitoringInputs"]:
        if "BatchTransformInput" in source:
            raise BadInput(
                "BatchTransformInput cannot be scheduled: batch transform jobs do not run here, endpoints do"
            )
        if "GroundTruthS3Input" in source and "S3Uri" not in source["GroundTruthS3Input"]:
            raise BadInput("GroundTruthS3Input has no S3Uri: name the prefix that ground truth is uploaded to")


def _inline(record: JobDefinitionRecord) -> Json:
    kind, request = record.monitoring_type, record.request
    application = request[f"{kind}AppSpecification"]
    carried: Json = {name: request[name] for name in ("StoppingCondition", "NetworkConfig") if name in request}
    return {
        "BaselineConfig": request.get(f"{kind}BaselineConfig", {}),
        "MonitoringInputs": [request[f"{kind}JobInput"]],
        "MonitoringOutputConfig": request[f"{kind}JobOutputConfig"],
        "MonitoringResources": request["JobResources"],
        "MonitoringAppSpecification": application,
        "Environment": application.get("Environment", {}),
        "RoleArn": request["RoleArn"],
        **carried,
    }
