"""What an explanation says of one prediction, and the file that lists them.

What lives here: the JSON. What does not: how a map is made (monitor_jobs.saliency), and what it is drawn for
(monitor_jobs.explain).
"""

from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.map_kind import MapKind

EXPLANATIONS_FILE: Final = "explanations.json"
IDS_MAX: Final = 98  # of the 100 arguments that a processing job may have, the limit and the map are two
INPUT_PART: Final = "input"  # of `parts`, beside the layers' own


class _File(BaseModel):
    # a logit may be NaN, and JSON has no such number
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class ExplanationRequest(_File):
    """Which captured predictions are to be explained: those of these ids, the first `limit` where none is named."""

    event_ids: frozenset[str] = frozenset()
    inference_ids: frozenset[str] = frozenset()
    limit: int = Field(default=6, ge=1, le=1000)
    map_kind: MapKind = MapKind.IDIAP

    @property
    def ids(self) -> frozenset[str]:
        """All ids of both kinds."""
        return self.event_ids | self.inference_ids

    def arguments(self) -> list[str]:
        """The job's command line for it; each id has an argument of its own, since AWS bounds them at 256 characters.

        Raises BadInput where there are more ids than a job may have arguments.
        """
        named = len(self.event_ids) + len(self.inference_ids)
        if named > IDS_MAX:
            raise BadInput(f"{named} records are named: at most {IDS_MAX} can be explained at once by their ids")
        return [
            *(f"--event-id={name}" for name in sorted(self.event_ids)),
            *(f"--inference-id={name}" for name in sorted(self.inference_ids)),
            f"--limit={self.limit}",
            f"--map={self.map_kind}",
        ]


class ClassScore(_File):
    """A class, what the model card calls it, its logit and its share of the softmax."""

    index: int = Field(ge=0)
    name: str
    logit: float
    probability: float


class Explanation(_File):
    """Why one input of one request was given its class.

    `parts` are what the input and each layer's bias add to the logit; they sum to it but for `completeness_error`, as a
    share of the logit. Above 1e-3 the map is not `exact`: the network has a bias that none of its layers shows.
    `answered` is what the capture says was answered then, None where that cannot be read; it is another class where the
    model has changed since, or where the package's functions decide by something else than the largest logit.
    `outside_centre` is the share of the map beyond 0.4 of the picture's sides from its middle.
    """

    event_id: str
    inference_id: str | None = None
    position: int = Field(ge=0)
    predicted: ClassScore
    runner_up: ClassScore | None = None
    answered: str | None = None
    map_kind: MapKind
    completeness_error: float
    exact: bool
    outside_centre: float
    parts: dict[str, float]
    picture_file: str
    map_file: str


class Unexplained(_File):
    """A record that was asked for and is not explained, and why."""

    event_id: str
    reason: str


class Explanations(_File):
    """All explanations of one job, in the order of the captures; `absent` are the ids that no capture has."""

    endpoint: str
    explanations: tuple[Explanation, ...] = ()
    unexplained: tuple[Unexplained, ...] = ()
    absent: tuple[str, ...] = ()

    def to_json(self) -> str:
        """The file's text."""
        return self.model_dump_json(indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """The file that was read. Raises pydantic.ValidationError."""
        return cls.model_validate_json(text)
