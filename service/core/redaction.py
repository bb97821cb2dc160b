"""What captures must not hold: rules over bodies and headers, as people write them and as an endpoint is told them.

What lives here: the rules, their text, and putting an installation's and an endpoint's own together. What does not:
applying them (service.endpoint.redaction). Why it is so: docs/decisions/0020-privacy-of-captures.md.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Final, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from monitor_jobs.contract.capture import ContentType
from monitor_jobs.contract.debug_hook import HOOK_VARIABLE, OUTPUT_VARIABLE, debug_hook_of
from monitor_jobs.contract.errors import BadInput
from service.core.json_paths import Step, parse_path

REDACTION_VARIABLE: Final = "SEXTANT_REDACTION"


class Action(StrEnum):
    """What becomes of one value. A later one hides more."""

    HASH = "hash"  # a keyed digest: equal values stay equal, and none can be looked up without the key
    MASK = "mask"  # the same three asterisks for every value
    DROP = "drop"  # a member is gone; an element is null and a cell empty, so that the others keep their places


class HeaderAction(StrEnum):
    """What becomes of a captured header. A later one hides more."""

    KEEP = "keep"
    HASH = "hash"
    DROP = "drop"


def _is_path(text: object) -> object:
    if isinstance(text, str):
        try:
            parse_path(text)
        except BadInput as error:
            raise ValueError(str(error)) from error
    return text


def _column(text: object) -> object:
    # JSON has no numbers as names
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() else text


ActionT = TypeVar("ActionT", Action, HeaderAction)
PlaceT = TypeVar("PlaceT", str, int)
JsonPath = Annotated[str, StringConstraints(max_length=512), BeforeValidator(_is_path)]
Column = Annotated[int, Field(ge=0, le=65_535), BeforeValidator(_column)]


class _Rules(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True)


class BodyRules(_Rules):
    """Rules over one half of an exchange.

    Where there are any, a body that none of them fits is withheld, unless `keep` lists its content type.
    """

    json_paths: dict[JsonPath, Action] = Field(default_factory=dict, alias="json")
    csv: dict[Column, Action] = Field(default_factory=dict)
    images: Literal["strip"] | None = None
    keep: frozenset[ContentType] = frozenset()

    @field_validator("keep")
    @classmethod
    def _in_lower_case(cls, content_types: frozenset[str]) -> frozenset[str]:
        return frozenset(each.lower() for each in content_types)

    @cached_property
    def steps(self) -> tuple[tuple[tuple[Step, ...], Action], ...]:
        """The JSON rules with their paths read."""
        return tuple((parse_path(path), action) for path, action in self.json_paths.items())


class HeaderRules(_Rules):
    """What becomes of the two headers that captures hold. One that nobody speaks of is dropped: it is an allow-list."""

    inference_id: HeaderAction | None = None
    custom_attributes: HeaderAction | None = None


class Redaction(_Rules):
    """All rules over the captures of one endpoint; no rules over a half leave its bodies as they are."""

    request: BodyRules | None = None
    response: BodyRules | None = None
    headers: HeaderRules = HeaderRules()


def parse_redaction(text: str) -> Redaction:
    """The rules that a JSON text says. Raises BadInput naming the first part that is no rule."""
    try:
        return Redaction.model_validate_json(text)
    except ValidationError as error:
        row = error.errors()[0]
        where = ".".join(map(str, row["loc"]))
        raise BadInput(
            f"{REDACTION_VARIABLE} is no set of rules: {f'{where}: ' if where else ''}{row['msg']}"
        ) from error


def redaction_of(default: Redaction | None, environment: dict[str, str]) -> Redaction | None:
    """What an endpoint redacts: the installation's rules and those of its model's environment. Raises BadInput."""
    own = environment.get(REDACTION_VARIABLE)
    return strengthened(default, parse_redaction(own) if own else None)


def require_hook_without_redaction(environment: Mapping[str, str], redaction: Redaction | None) -> None:
    """Return unless tensors are to be kept of what is redacted: they are the picture. Raises BadInput."""
    if redaction is not None and debug_hook_of(environment) is not None:
        raise BadInput(
            f"{HOOK_VARIABLE} or {OUTPUT_VARIABLE} keeps what the network is given, which rules of redaction are to "
            "take out: leave out the one or the other"
        )


def strengthened(default: Redaction | None, own: Redaction | None) -> Redaction | None:
    """Both sets of rules as one, which never keeps anything that either of them would not."""
    if default is None or own is None:
        return default or own
    return Redaction(
        request=_both(default.request, own.request),
        response=_both(default.response, own.response),
        headers=HeaderRules(
            inference_id=_stricter_header(default.headers.inference_id, own.headers.inference_id),
            custom_attributes=_stricter_header(default.headers.custom_attributes, own.headers.custom_attributes),
        ),
    )


def _both(default: BodyRules | None, own: BodyRules | None) -> BodyRules | None:
    if default is None or own is None:
        return default or own
    return BodyRules(
        json_paths=_stricter_each(default.json_paths, own.json_paths),
        csv=_stricter_each(default.csv, own.csv),
        images=default.images or own.images,
        keep=default.keep & own.keep,
    )


def _stricter_each(default: Mapping[PlaceT, Action], own: Mapping[PlaceT, Action]) -> dict[PlaceT, Action]:
    return {**default, **own} | {place: _stricter(default[place], own[place]) for place in default.keys() & own.keys()}


def _stricter(default: ActionT, own: ActionT) -> ActionT:
    order = list(type(default))
    return max(default, own, key=order.index)


def _stricter_header(default: HeaderAction | None, own: HeaderAction | None) -> HeaderAction | None:
    return default or own if default is None or own is None else _stricter(default, own)
