"""Steps as rules look at them: from a file that an endpoint left, or from any trial.

What lives here: files to steps. What does not: formats (monitor_jobs.tensors), which files (monitor).
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.report import OffendingRecord
from monitor_jobs.contract.tensor_files import ModeKeys, StepFacts, step_folder_of, step_of
from monitor_jobs.tensor_rules.choosing import SCORES, Network, network_of
from monitor_jobs.tensor_rules.looking import Step
from monitor_jobs.tensor_rules.rules import Array, inputs_of
from monitor_jobs.tensors.load import KeptLoad, StepPlace
from monitor_jobs.tensors.source import FolderSource
from monitor_jobs.tensors.trial import Trial


def read_step(path: Path, object_key: str) -> tuple[Step, StepFacts]:
    """The step in a file below its load's folder, and what was said of it.

    Raises BadInput where either file is none of ours, ObjectMissing where the load's is gone.
    """
    named, placed = step_of(path.name), step_folder_of(path.as_posix())
    if named is None or placed is None:
        raise BadInput(f"{object_key} is no step by its path")
    number, folder = named[0], Path(placed[0])
    load = KeptLoad(FolderSource(folder))
    place = StepPlace(ModeKeys.PREDICT, number, path.relative_to(folder).as_posix())
    facts = load.facts_of(place)
    return _kept(load.arrays(place), facts, network_of(load.facts), object_key), facts


def step_of_trial(trial: Trial, number: int) -> Step:
    """A step of a trial, whoever left it; Debugger's own hook says nothing of requests and modules."""
    if trial.says_of_requests:
        facts = trial.facts_of(number)
        return _kept(trial.arrays(number), facts, network_of(trial.facts), f"step {number}")
    arrays, network = trial.arrays(number), Network(collections=trial.collections())
    record = OffendingRecord(event_id="", object_key=f"step {number}", line=1)
    return Step(arrays, network, record, max(map(inputs_of, arrays.values()), default=0))


def _kept(arrays: Mapping[str, Array], facts: StepFacts, network: Network, object_key: str) -> Step:
    if len({len(row) for row in facts.scores}) > 1:
        raise BadInput(f"{object_key} has answers of several lengths: an endpoint leaves those of one")
    scores = np.array(facts.scores, dtype=np.float64)
    record = OffendingRecord(event_id=facts.event_id, object_key=object_key, line=1, inference_id=facts.inference_id)
    answered_at = int(facts.answered_at.timestamp())
    return Step({**arrays, SCORES: scores}, network, record, len(facts.targets), answered_at)
