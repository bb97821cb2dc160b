"""Operations on the four kinds of job definitions: data quality, model quality, bias, explainability.

What lives here: one set of operations, made for each kind. What does not: what a definition runs
(core.job_definitions). One whose kind has no monitor here is kept and described; scheduling it is refused.
"""

from collections.abc import Mapping
from typing import Any, Final

from monitor_jobs.contract.errors import Conflict
from monitor_jobs.object_store import S3Address
from service.control.sagemaker.context import Context, Handler, Json, ResourceInUse, ResourceNotFound
from service.control.sagemaker.listing import Listing, page
from service.core.job_definitions import RESOURCES, definition_id, job_input
from service.core.records import JobDefinitionRecord, MonitoringType, Query

LISTING: Final = Listing(
    JobDefinitionRecord,
    key="id",
    governed="endpoint_name",
    sort_columns={"Name": "name", "CreationTime": "created_at"},
    equal={"EndpointName": "endpoint_name"},
)
NAMED_USERS: Final = 3  # of the schedules that keep a definition from being deleted


def create_job_definition(kind: MonitoringType) -> Handler:
    """The operation that keeps a definition of this kind."""

    def create(request: Json, context: Context) -> Json:
        record = _record(kind, request, context)
        try:
            context.database.job_definitions.add(record)
        except Conflict as error:
            raise ResourceInUse(f"{kind} job definition {record.name} already exists") from error
        return {"JobDefinitionArn": _arn(record, context)}

    return create


def describe_job_definition(kind: MonitoringType) -> Handler:
    """The operation that tells a definition as it was sent, with its time."""

    def describe(request: Json, context: Context) -> Json:
        record = _find(kind, request, context)
        application = f"{kind}AppSpecification"
        return {
            **record.request,
            # The SageMaker SDK's attach() reads Environment with [...], even where none was sent.
            application: {"Environment": {}, **record.request[application]},
            "JobDefinitionArn": _arn(record, context),
            "CreationTime": record.created_at,
        }

    return describe


def delete_job_definition(kind: MonitoringType) -> Handler:
    """The operation that forgets a definition; refused while a schedule runs by it."""

    def delete(request: Json, context: Context) -> Json:
        with context.database.transaction():
            record = _find(kind, request, context)
            used = Query(equal={"monitoring_type": kind, "job_definition_name": record.name}, limit=NAMED_USERS)
            users = [schedule.name for schedule in context.database.schedules.find(used)]
            if users:
                names = ", ".join(users)
                raise ResourceInUse(
                    f"{kind} job definition {record.name} is used by {names}: delete the schedule first"
                )
            context.database.job_definitions.remove(record.id)
        return {}

    return delete


def list_job_definitions(kind: MonitoringType) -> Handler:
    """The operation that lists definitions of this kind, newest first."""

    def listed(request: Json, context: Context) -> Json:
        def summary(record: JobDefinitionRecord) -> Json:
            return {
                "MonitoringJobDefinitionName": record.name,
                "MonitoringJobDefinitionArn": _arn(record, context),
                "CreationTime": record.created_at,
                "EndpointName": record.endpoint_name,
            }

        table, of_kind = context.database.job_definitions, LISTING.among(monitoring_type=kind)
        return page(table, of_kind, request, context, summary=summary, rows="JobDefinitionSummaries")

    return listed


def _record(kind: MonitoringType, request: Json, context: Context) -> JobDefinitionRecord:
    name, source = str(request["JobDefinitionName"]), job_input(kind, request)
    outputs: Any = request[f"{kind}JobOutputConfig"]
    for output in outputs["MonitoringOutputs"]:
        S3Address.parse(output["S3Output"]["S3Uri"])
    labels: Any = request[f"{kind}JobInput"]
    if "S3Uri" in labels.get("GroundTruthS3Input", {}):
        S3Address.parse(labels["GroundTruthS3Input"]["S3Uri"])
    endpoint: Mapping[str, Any] = source.get("EndpointInput", {})
    return JobDefinitionRecord(
        id=definition_id(kind, name),
        name=name,
        monitoring_type=kind,
        created_at=context.now,
        endpoint_name=endpoint.get("EndpointName", ""),
        request=request,
    )


def _find(kind: MonitoringType, request: Json, context: Context) -> JobDefinitionRecord:
    name = str(request["JobDefinitionName"])
    record = context.database.job_definitions.get(definition_id(kind, name))
    if record is None:
        raise ResourceNotFound(f"{kind} job definition with name {name} does not exist")
    return record


def _arn(record: JobDefinitionRecord, context: Context) -> str:
    return context.arn(RESOURCES[record.monitoring_type], record.name)
