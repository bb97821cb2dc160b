"""Operations on Model: a package in the store and the environment that it runs with."""

from typing import Any

from monitor_jobs.contract.debug_hook import debug_hook_of
from monitor_jobs.contract.engines import engine_of
from monitor_jobs.contract.errors import BadInput, Conflict
from monitor_jobs.object_store import S3Address
from service.control.sagemaker.context import Context, Json, ValidationException
from service.control.sagemaker.listing import Listing, page
from service.core.names import Resource
from service.core.records import ModelRecord
from service.core.redaction import redaction_of, require_hook_without_redaction

LISTING = Listing(ModelRecord, key="name", sort_columns={"Name": "name", "CreationTime": "created_at"})


def create_model(request: Json, context: Context) -> Json:
    """Keeps a Model.

    The words "Cannot create already existing model" are what the SageMaker SDK looks for to reuse one.
    """
    record = ModelRecord(str(request["ModelName"]), context.now, request)
    S3Address.parse(model_data_url(record))
    _require_usable(record)
    try:
        context.database.models.add(record)
    except Conflict as error:
        raise ValidationException(f'Cannot create already existing model "{_arn(record.name, context)}".') from error
    return {"ModelArn": _arn(record.name, context)}


def describe_model(request: Json, context: Context) -> Json:
    """The Model as sent, with its times."""
    record = find_model(str(request["ModelName"]), context)
    return {**record.request, "ModelArn": _arn(record.name, context), "CreationTime": record.created_at}


def delete_model(request: Json, context: Context) -> Json:
    """Forgets a Model; endpoints that run it go on."""
    record = find_model(str(request["ModelName"]), context)
    context.database.models.remove(record.name)
    return {}


def list_models(request: Json, context: Context) -> Json:
    """Models, newest first."""

    def summary(record: ModelRecord) -> Json:
        return {
            "ModelName": record.name,
            "ModelArn": _arn(record.name, context),
            "CreationTime": record.created_at,
        }

    return page(context.database.models, LISTING, request, context, summary=summary, rows="Models")


def find_model(name: str, context: Context) -> ModelRecord:
    """The Model of that name. Raises ValidationException in AWS's words."""
    record = context.database.models.get(name)
    if record is None:
        raise ValidationException(f'Could not find model "{_arn(name, context)}".')
    return record


def model_data_url(record: ModelRecord) -> str:
    """Where the Model's package lies. Raises ValidationException where the request names none."""
    containers: list[Any] = [record.request.get("PrimaryContainer"), *_list(record.request.get("Containers"))]
    urls = [container.get("ModelDataUrl") for container in containers if isinstance(container, dict)]
    if len(urls) != 1 or not urls[0]:
        raise ValidationException(f"Model {record.name} needs one container with a ModelDataUrl, s3://.../model.tar.gz")
    return str(urls[0])


def _require_usable(record: ModelRecord) -> None:
    """Raise ValidationException where its environment asks for what is none: no endpoint could run it."""
    for container in (record.request.get("PrimaryContainer"), *_list(record.request.get("Containers"))):
        environment = container.get("Environment") if isinstance(container, dict) else None
        try:
            require_hook_without_redaction(environment or {}, redaction_of(None, environment or {}))
            engine_of(environment or {})
            if (hook := debug_hook_of(environment or {})) is not None:
                S3Address.parse(hook.output)
        except BadInput as error:
            raise ValidationException(f"Model {record.name}: {error}") from error


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _arn(name: str, context: Context) -> str:
    return context.arn(Resource.MODEL, name)
