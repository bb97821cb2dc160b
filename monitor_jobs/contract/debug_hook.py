"""Which tensors an endpoint keeps of which requests: SageMaker's DebugHookConfig, in a model's environment.

AWS has no such field for endpoints. Its sample passes `tensors_output` to the model's own code; here the same variable,
or the whole DebugHookConfig as JSON in SEXTANT_DEBUG_HOOK, tells the endpoint, and the model's code stays as it is.

What lives here: the configuration, and which step is to be kept. What does not: tensors (monitor_jobs.tensors), taking
them (service.endpoint).
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator
from pydantic.alias_generators import to_pascal

from monitor_jobs.contract.errors import BadInput

HOOK_VARIABLE: Final = "SEXTANT_DEBUG_HOOK"
OUTPUT_VARIABLE: Final = "tensors_output"
# smdebug's own collections that a network in evaluation has; any other needs an include_regex
BUILT_IN_COLLECTIONS: Final = {
    "all": ".*",
    "weights": r"^(?!gradient/).*weight",
    "biases": r"^(?!gradient/).*bias",
    "gradients": "^gradient/",
}
NO_END: Final = 2**63


class TensorKind(StrEnum):
    """How much of a request is kept."""

    REPLAY = "replay"  # what the network was given, and which model it was: a worker asks that again
    REDUCED = "reduced"  # what a FullGrad map and its completeness need: kilobytes, and no model
    RAW = "raw"  # every tensor whose name matches, named as SageMaker Debugger names them


def _split(text: object) -> object:
    return [part.strip() for part in text.split(",") if part.strip()] if isinstance(text, str) else text


def _patterns(text: object) -> object:
    parts = _split(text)
    for pattern in parts if isinstance(parts, list) else ():
        _require_pattern(pattern)
    return parts


def _require_pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is no regular expression: {error}") from error
    return text


Numbers = Annotated[frozenset[Annotated[int, Field(ge=0)]], BeforeValidator(_split)]
Names = Annotated[frozenset[str], BeforeValidator(_split)]
Patterns = Annotated[tuple[str, ...], BeforeValidator(_patterns)]


class SaveSteps(BaseModel):
    """Which steps are kept: `save_steps`, and the multiples of `save_interval` in [start_step, end_step).

    Without an interval only `save_steps`; every step in the range where there are none of these either.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    save_interval: int | None = Field(default=None, ge=1)
    start_step: int = Field(default=0, ge=0)
    end_step: int = Field(default=NO_END, ge=0)
    save_steps: Numbers = frozenset()

    def has(self, step: int) -> bool:
        """Whether the step is kept; smdebug's SaveConfigMode.should_save_step."""
        interval = self.save_interval or (None if self.save_steps else 1)
        in_turn = interval is not None and self.start_step <= step < self.end_step and step % interval == 0
        return in_turn or step in self.save_steps


class HookParameters(SaveSteps):
    """What AWS calls HookParameters, all of them texts, and what else an endpoint can be asked.

    `classes`, `below_confidence` and `inference_ids` are reasons to keep a step: with one or more of them, it is kept
    where any of them is true of it.
    """

    kind: TensorKind | None = None
    include_regex: Patterns = ()
    sampling_percentage: float = Field(default=100, gt=0, le=100)
    classes: Names = frozenset()
    below_confidence: float | None = Field(default=None, gt=0, le=1)
    inference_ids: str | None = None

    @field_validator("inference_ids")
    @classmethod
    def _is_pattern(cls, text: str | None) -> str | None:
        return text if text is None else _require_pattern(text)


class CollectionParameters(SaveSteps):
    """What is in a collection, and at which steps it is kept."""

    include_regex: Patterns = ()


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_pascal)


class CollectionConfiguration(_Wire):
    """One collection, as CreateTrainingJob takes it."""

    collection_name: str = Field(min_length=1, max_length=256)
    collection_parameters: CollectionParameters = CollectionParameters()


class DebugHookConfig(_Wire):
    """As CreateTrainingJob takes it; `LocalPath` is where a training container would write, and means nothing here."""

    s3_output_path: str | None = Field(default=None, alias="S3OutputPath")
    local_path: str | None = None
    hook_parameters: HookParameters = HookParameters()
    collection_configurations: tuple[CollectionConfiguration, ...] = Field(default=(), max_length=20)


class Collection(BaseModel):
    """Names by any of these patterns, at these steps."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    patterns: tuple[str, ...]
    steps: SaveSteps

    @cached_property
    def _matched(self) -> re.Pattern[str]:
        return re.compile("|".join(f"(?:{pattern})" for pattern in self.patterns))

    def has(self, name: str) -> bool:
        """Whether a tensor of that name is in it: a pattern may be anywhere in the name, as in smdebug's match_inc."""
        return self._matched.search(name) is not None


class DebugHook(BaseModel):
    """What an endpoint keeps, and where; `output` is an s3:// address that nobody has looked at yet."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    output: str
    kind: TensorKind
    collections: tuple[Collection, ...]
    parameters: HookParameters

    def collections_at(self, step: int) -> tuple[Collection, ...]:
        """The collections that are kept of a step; none where the step is not kept."""
        return tuple(collection for collection in self.collections if collection.steps.has(step))


def debug_hook_of(environment: Mapping[str, str]) -> DebugHook | None:
    """What a model's environment asks for; None where it asks for nothing.

    Raises BadInput where it asks for something else than tensors can be, names the variable and the field.
    Contract: contracts of CreateTrainingJob's DebugHookConfig and of AWS's FullGrad sample; tests/unit/test_debug_hook.
    """
    text, output = environment.get(HOOK_VARIABLE), environment.get(OUTPUT_VARIABLE)
    if not text and not output:
        return None
    try:
        config = DebugHookConfig.model_validate_json(text or "{}")
    except ValidationError as error:
        fault: Mapping[str, Any] = error.errors(include_url=False)[0]
        place = ".".join(map(str, fault["loc"])) or "the whole"
        raise BadInput(f"{HOOK_VARIABLE} is no DebugHookConfig: {place}: {fault['msg'].lower()}") from error
    return _hook(config, config.s3_output_path or output)


def required_debug_hook(endpoint: str, environment: Mapping[str, str]) -> DebugHook:
    """What the model of an endpoint that is to keep tensors asks for. Raises BadInput where it keeps none."""
    hook = debug_hook_of(environment)
    if hook is None:
        raise BadInput(f"endpoint {endpoint} keeps no tensors: its model's Environment has no {HOOK_VARIABLE}")
    return hook


def _hook(config: DebugHookConfig, output: str | None) -> DebugHook:
    if not output:
        raise BadInput(f"{HOOK_VARIABLE} has no S3OutputPath: say where tensors go, there or in {OUTPUT_VARIABLE}")
    if not output.startswith("s3://"):
        raise BadInput(f"tensors are to go to {output[:80]!r}: write s3://bucket/prefix")
    parameters = config.hook_parameters
    named = [_collection(one) for one in config.collection_configurations]
    if parameters.include_regex:
        named.append(Collection(name="default", patterns=parameters.include_regex, steps=_steps(parameters)))
    kind = parameters.kind or (TensorKind.RAW if named else TensorKind.REPLAY)
    if named and kind is not TensorKind.RAW:
        raise BadInput(f"{HOOK_VARIABLE}: kind {kind} keeps the same of every step: leave collections and regex out")
    if kind is TensorKind.RAW and not named:
        raise BadInput(f"{HOOK_VARIABLE}: kind raw needs an include_regex, or CollectionConfigurations")
    every = Collection(name="all", patterns=(".*",), steps=_steps(parameters))
    return DebugHook(output=output, kind=kind, collections=tuple(named) or (every,), parameters=parameters)


def _collection(one: CollectionConfiguration) -> Collection:
    parameters = one.collection_parameters
    built_in = BUILT_IN_COLLECTIONS.get(one.collection_name)
    patterns = parameters.include_regex or ((built_in,) if built_in else ())
    if not patterns:
        known = ", ".join(BUILT_IN_COLLECTIONS)
        raise BadInput(f"collection {one.collection_name!r} has no include_regex, and is none of {known}")
    return Collection(name=one.collection_name, patterns=patterns, steps=_steps(parameters))


def _steps(parameters: SaveSteps) -> SaveSteps:
    return SaveSteps(**{name: getattr(parameters, name) for name in SaveSteps.model_fields})
