"""Requests that fit their published shape, parsed to the core's types.

What lives here: the refusal of what AWS's shapes allow and this service cannot do. What does not: the shapes (shapes).
"""

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from service.control.sagemaker.context import ValidationException

Parsed = TypeVar("Parsed", bound=BaseModel)


def parsed(kind: type[Parsed], value: object, *, member: str | None = None) -> Parsed:
    """The value as the core's type; `member` is where it stood in the request.

    Raises ValidationException naming the first part that does not fit.
    """
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        row = error.errors()[0]
        where = ".".join(map(str, [member, *row["loc"]] if member else row["loc"]))
        raise ValidationException(f"{where}: {row['msg']}") from error
