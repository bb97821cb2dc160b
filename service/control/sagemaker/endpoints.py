"""Operations on EndpointConfig and Endpoint. They write what is wanted; the scheduler process makes it so."""

from dataclasses import replace
from typing import Any

from monitor_jobs.contract.capture import DataCaptureConfig
from monitor_jobs.contract.errors import Conflict
from monitor_jobs.object_store import S3Address
from service.control.sagemaker.context import Context, Json, ValidationException
from service.control.sagemaker.listing import Listing, page
from service.control.sagemaker.models import find_model
from service.control.sagemaker.parsing import parsed
from service.core.names import Resource
from service.core.records import EndpointConfigRecord, EndpointRecord
from service.core.states import SERVING, EndpointStatus, advance
from service.core.variants import variant_of

CONFIG_LISTING = Listing(EndpointConfigRecord, key="name", sort_columns={"Name": "name", "CreationTime": "created_at"})
ENDPOINT_LISTING = Listing(
    EndpointRecord,
    key="name",
    sort_columns={"Name": "name", "CreationTime": "created_at", "Status": "status"},
    equal={"StatusEquals": "status"},
)


def create_endpoint_config(request: Json, context: Context) -> Json:
    """Keeps an EndpointConfig whose models exist and whose data capture can be done."""
    record = EndpointConfigRecord(str(request["EndpointConfigName"]), context.now, request)
    check_variants(record, context)
    data_capture(record)
    arn = context.arn(Resource.ENDPOINT_CONFIG, record.name)
    try:
        context.database.endpoint_configs.add(record)
    except Conflict as error:
        raise ValidationException(f'Cannot create already existing endpoint configuration "{arn}".') from error
    return {"EndpointConfigArn": arn}


def describe_endpoint_config(request: Json, context: Context) -> Json:
    """The EndpointConfig as sent, with its times."""
    record = find_endpoint_config(str(request["EndpointConfigName"]), context)
    arn = context.arn(Resource.ENDPOINT_CONFIG, record.name)
    return {**record.request, "EndpointConfigArn": arn, "CreationTime": record.created_at}


def delete_endpoint_config(request: Json, context: Context) -> Json:
    """Forgets an EndpointConfig. The SageMaker SDK does so before it deletes the endpoint.

    A running one keeps its own.
    """
    record = find_endpoint_config(str(request["EndpointConfigName"]), context)
    context.database.endpoint_configs.remove(record.name)
    return {}


def list_endpoint_configs(request: Json, context: Context) -> Json:
    """EndpointConfigs, newest first."""

    def summary(record: EndpointConfigRecord) -> Json:
        return {
            "EndpointConfigName": record.name,
            "EndpointConfigArn": context.arn(Resource.ENDPOINT_CONFIG, record.name),
            "CreationTime": record.created_at,
        }

    return page(
        context.database.endpoint_configs, CONFIG_LISTING, request, context, summary=summary, rows="EndpointConfigs"
    )


def create_endpoint(request: Json, context: Context) -> Json:
    """Asks for an Endpoint; it is Creating until its model answers /ping."""
    config = find_endpoint_config(str(request["EndpointConfigName"]), context)
    name = str(request["EndpointName"])
    arn = context.arn(Resource.ENDPOINT, name)
    record = EndpointRecord(name, config.name, EndpointStatus.CREATING, context.now, context.now)
    try:
        context.database.endpoints.add(record)
    except Conflict as error:
        raise ValidationException(f'Cannot create already existing endpoint "{arn}".') from error
    return {"EndpointArn": arn}


def describe_endpoint(request: Json, context: Context) -> Json:
    """An Endpoint's state, variants and data capture."""
    record = find_endpoint(str(request["EndpointName"]), context)
    config = context.database.endpoint_configs.get(record.config_name)
    answer: Json = {
        **_endpoint_summary(record, context),
        "EndpointConfigName": record.config_name,
        "ProductionVariants": list(map(_variant_summary, record.running)),
    }
    capture = None if config is None else data_capture(config)
    if capture is not None:
        answer["DataCaptureConfig"] = _capture_summary(capture, record.status)
    if record.pending_config_name is not None:
        answer["PendingDeploymentSummary"] = _pending_summary(record)
    if record.deployment_config is not None:
        answer["LastDeploymentConfig"] = record.deployment_config
    if record.failure_reason:
        answer["FailureReason"] = record.failure_reason
    return answer


def delete_endpoint(request: Json, context: Context) -> Json:
    """Asks for an Endpoint's end; it is gone when its processes have drained and flushed."""
    with context.database.transaction():  # the scheduler may write the row as well
        record = find_endpoint(str(request["EndpointName"]), context)
        status = advance(record.status, EndpointStatus.DELETING)
        context.database.endpoints.save(replace(record, status=status, modified_at=context.now))
    return {}


def list_endpoints(request: Json, context: Context) -> Json:
    """Endpoints, newest first."""

    def summary(record: EndpointRecord) -> Json:
        return _endpoint_summary(record, context)

    return page(context.database.endpoints, ENDPOINT_LISTING, request, context, summary=summary, rows="Endpoints")


def find_endpoint(name: str, context: Context) -> EndpointRecord:
    """The Endpoint of that name. Raises ValidationException in AWS's words, which botocore's waiters know."""
    record = context.database.endpoints.get(name)
    if record is None:
        raise ValidationException(f'Could not find endpoint "{context.arn(Resource.ENDPOINT, name)}".')
    return record


def find_endpoint_config(name: str, context: Context) -> EndpointConfigRecord:
    """The EndpointConfig of that name. Raises ValidationException in AWS's words."""
    record = context.database.endpoint_configs.get(name)
    if record is None:
        arn = context.arn(Resource.ENDPOINT_CONFIG, name)
        raise ValidationException(f'Could not find endpoint configuration "{arn}".')
    return record


def data_capture(config: EndpointConfigRecord) -> DataCaptureConfig | None:
    """The config's data capture, None where it has none. Raises ValidationException where it cannot be done."""
    given = config.request.get("DataCaptureConfig")
    if given is None:
        return None
    capture = parsed(DataCaptureConfig, given, member="DataCaptureConfig")
    S3Address.parse(capture.destination_s3_uri)
    return capture


def check_variants(config: EndpointConfigRecord, context: Context) -> None:
    """Return where the config's variants have names of their own and models that exist. Raises ValidationException."""
    variants: list[dict[str, Any]] = config.request["ProductionVariants"]
    names = [variant["VariantName"] for variant in variants]
    if len(set(names)) < len(names):
        raise ValidationException(f"Two ProductionVariants of {config.name} have one VariantName: {', '.join(names)}")
    if config.request.get("ShadowProductionVariants"):
        raise ValidationException("ShadowProductionVariants are not served: send shadow traffic to another endpoint")
    for variant in variants:
        if not variant.get("ModelName"):
            raise ValidationException(f"ProductionVariant {variant['VariantName']} names no ModelName")
        find_model(str(variant["ModelName"]), context)


def _endpoint_summary(record: EndpointRecord, context: Context) -> Json:
    return {
        "EndpointName": record.name,
        "EndpointArn": context.arn(Resource.ENDPOINT, record.name),
        "EndpointStatus": record.status,
        "CreationTime": record.created_at,
        "LastModifiedTime": record.modified_at,
    }


def _variant_summary(process: dict[str, Any]) -> Json:
    variant = variant_of(process)
    return {
        "VariantName": variant.name,
        "CurrentWeight": variant.weight,
        "DesiredWeight": variant.desired_weight,
        "CurrentInstanceCount": 1,
        "DesiredInstanceCount": 1,
    }


def _pending_summary(record: EndpointRecord) -> Json:
    variants = list(map(_variant_summary, record.starting))
    return {"EndpointConfigName": record.pending_config_name, "ProductionVariants": variants}


def _capture_summary(capture: DataCaptureConfig, status: EndpointStatus) -> Json:
    captures = capture.enable_capture and status in SERVING
    return {
        "EnableCapture": capture.enable_capture,
        "CaptureStatus": "Started" if captures else "Stopped",
        "CurrentSamplingPercentage": capture.initial_sampling_percentage,
        "DestinationS3Uri": capture.destination_s3_uri,
        "KmsKeyId": capture.kms_key_id or "",  # required in this shape, so never absent
    }
