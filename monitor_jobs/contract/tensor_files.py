"""What is written beside captured tensors: of a model's load, and of each step.

What lives here: the JSON, and where each object lies below the address that a load has for itself. What does not: the
tensors (monitor_jobs.tensors).
"""

import re
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from monitor_jobs.contract.debug_hook import Collection, TensorKind

HOOK_FILE: Final = "hook.json"
END_FILE: Final = "end.json"
STEPS_FOLDER: Final = "steps"
NAMES_FOLDER: Final = "names"
PARAMETERS_FOLDER: Final = "parameters"  # beside the loads: what a model's version has is the same for all its loads
SUFFIX: Final = ".safetensors.zst"
STORED_WITHIN: Final = timedelta(minutes=5)  # of its answer; a step that waits for longer is dropped
_STEP: Final = re.compile(r"(?P<step>[0-9]{12})_(?P<names>[0-9a-f]{16})\.safetensors\.zst")

Bias = Literal["parameter", "batch_norm", "per_request"]


class ModeKeys(IntEnum):
    """What a network is called for, by smdebug's names and numbers; an endpoint predicts."""

    TRAIN = 1
    EVAL = 2
    PREDICT = 3
    GLOBAL = 4


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), ser_json_inf_nan="strings")


class LayerFacts(_File):
    """What a layer's bias is made of, so that nobody needs the model's code for it; `epsilon` of normalisations."""

    bias: Bias
    epsilon: float | None = None


class LoadFacts(_File):
    """One load of a model: what it is, and what is kept of its steps.

    `network` is the class name of the network, which begins the names of its own inputs and of parameters. `parameters`
    is the name of the object below PARAMETERS_FOLDER, None where the kind needs none. `layers` are those that have a
    bias, by name. `modules` are the classes of the network's modules by their paths, in the order of their declaration;
    empty in files that were written before there was such a field.
    """

    endpoint: str
    variant: str
    model_name: str
    model_data_url: str
    model_sha256: str
    started_at: AwareDatetime
    kind: TensorKind
    network: str
    classes: tuple[str, ...] = ()
    collections: tuple[Collection, ...] = ()
    layers: dict[str, LayerFacts] = Field(default_factory=dict)
    modules: dict[str, str] = Field(default_factory=dict)
    parameters: str | None = None


class StepFacts(_File):
    """One answered request: `scores` are the network's own answer, logits by input and class, `targets` the largest.

    `size` is that of the inputs. `layers` are the calls of layers that have a bias, with the axis of their channels.
    `same_as` are tensors that are another one's equal, and kept once.
    """

    event_id: str
    inference_id: str | None = None
    answered_at: AwareDatetime
    mode: Literal["PREDICT"] = "PREDICT"
    scores: tuple[tuple[float, ...], ...]
    targets: tuple[int, ...]
    size: tuple[int, int] | None = None
    layers: dict[str, int] = Field(default_factory=dict)
    same_as: dict[str, str] = Field(default_factory=dict)


def load_name(started_at: datetime, unique: str) -> str:
    """The name of a load's folder; later loads have later names."""
    return f"{started_at:%Y%m%dT%H%M%S}-{unique}"


def step_path(answered_at: datetime, step: int, names: str) -> str:
    """Where a step lies below its load: by the hour, as captures do; `names` is the digest of its tensors' names."""
    return f"{STEPS_FOLDER}/{answered_at:%Y/%m/%d/%H}/{step:012d}_{names}{SUFFIX}"


def step_of(path: str) -> tuple[int, str] | None:
    """The step and the digest of names that a step's path tells; None of any other path."""
    match = _STEP.fullmatch(path.rpartition("/")[2])
    return (int(match["step"]), match["names"]) if match else None


def step_folder_of(path: str) -> tuple[str, datetime] | None:
    """A step's load, "" where the path begins below it, and the hour of its answer; None of any other path."""
    load, steps, below = f"/{path}".rpartition(f"/{STEPS_FOLDER}/")
    if not steps or step_of(path) is None:
        return None
    try:
        return load[1:], datetime.strptime(below.rpartition("/")[0] + "+0000", "%Y/%m/%d/%H%z")
    except ValueError:
        return None


def hour_of_step(path: str) -> str | None:
    """The hour of a step's answer, as yyyy/mm/dd/hh; None of any other path."""
    placed = step_folder_of(path)
    return f"{placed[1]:%Y/%m/%d/%H}" if placed else None
