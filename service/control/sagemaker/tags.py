"""Tags of every resource that has an ARN: they come with its creation and go with its deletion.

What lives here: AddTags, DeleteTags, ListTags, and what makes creations and deletions of tags ones. A resource is told
by the end of its ARN, `endpoint/signs`.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from service.control.sagemaker.context import Context, Handler, Json, ValidationException
from service.core.names import Resource, parse_arn
from service.core.ports import Database, Table
from service.core.records import TagsRecord

MOST_TAGS: Final = 50
RESERVED: Final = "aws:"


def tagged(create: Handler) -> Handler:
    """A creation that keeps the request's Tags under the ARN that it answers with; no tag of an earlier one is left."""

    def handle(request: Json, context: Context) -> Json:
        tags = _given(request)
        rest = {member: value for member, value in request.items() if member != "Tags"}
        with context.database.transaction():
            answer = create(rest, context)
            (arn,) = answer.values()
            _keep(_path(str(arn)), tags, context.database)
        return answer

    return handle


def untagged(delete: Handler, kind: Resource, member: str) -> Handler:
    """A deletion that takes the tags of the resource of this kind, named by this member, with it."""

    def handle(request: Json, context: Context) -> Json:
        with context.database.transaction():
            answer = delete(request, context)
            context.database.tags.remove(f"{kind}/{request[member]}")
        return answer

    return handle


def add_tags(request: Json, context: Context) -> Json:
    """Adds tags to a resource, or new values to its keys; all that it has then."""
    with context.database.transaction():
        resource = _tagged_resource(request, context)
        tags = {**_tags_of(resource, context.database), **_given(request)}
        if len(tags) > MOST_TAGS:
            raise ValidationException(f"{resource} would have {len(tags)} tags: delete some, it may have {MOST_TAGS}")
        _keep(resource, tags, context.database)
    return {"Tags": _listed(tags)}


def delete_tags(request: Json, context: Context) -> Json:
    """Takes tags from a resource by their keys; a key that it does not have is no error."""
    keys: Any = request["TagKeys"]
    with context.database.transaction():
        resource = _tagged_resource(request, context)
        tags = {key: value for key, value in _tags_of(resource, context.database).items() if key not in keys}
        _keep(resource, tags, context.database)
    return {}


def list_tags(request: Json, context: Context) -> Json:
    """A resource's tags. A page holds at least fifty, and there are no more, so one page is all."""
    if "NextToken" in request:
        raise ValidationException("NextToken is not one that this listing gave: all tags are on its first page")
    return {"Tags": _listed(_tags_of(_tagged_resource(request, context), context.database))}


def _given(request: Json) -> dict[str, str]:
    rows: Any = request.get("Tags", [])
    counted = Counter(row["Key"] for row in rows)
    for key, times in counted.items():
        if times > 1:
            raise ValidationException(f"Tag key {key!r} is given {times} times: give it once")
        if key.lower().startswith(RESERVED):
            raise ValidationException(f"Tag key {key!r} begins with {RESERVED!r}, which is reserved: choose another")
    return {row["Key"]: row["Value"] for row in rows}


def _tagged_resource(request: Json, context: Context) -> str:
    text = str(request["ResourceArn"])
    arn = parse_arn(text)
    table, key = _tables(context.database).get(arn.kind), arn.name
    record = (table or context.database.job_definitions).get(key if table else f"{arn.kind}/{key}")
    if record is None or text != context.arn(arn.kind, arn.name):
        raise ValidationException(f'Could not find resource "{text}".')
    return _path(text)


def _tables(database: Database) -> Mapping[Resource, Table[Any]]:
    return {
        Resource.MODEL: database.models,
        Resource.ENDPOINT_CONFIG: database.endpoint_configs,
        Resource.ENDPOINT: database.endpoints,
        Resource.SCHEDULE: database.schedules,
        Resource.PROCESSING_JOB: database.processing_jobs,
    }


def _path(arn: str) -> str:
    parts = parse_arn(arn)
    return f"{parts.kind}/{parts.name}"


def _tags_of(resource: str, database: Database) -> dict[str, str]:
    record = database.tags.get(resource)
    return {} if record is None else record.tags


def _keep(resource: str, tags: dict[str, str], database: Database) -> None:
    record = database.tags.get(resource)
    if not tags:
        database.tags.remove(resource)
    elif record is None:
        database.tags.add(TagsRecord(resource, tags))
    else:
        database.tags.save(replace(record, tags=tags))


def _listed(tags: Mapping[str, str]) -> list[Json]:
    return [{"Key": key, "Value": tags[key]} for key in sorted(tags)]
