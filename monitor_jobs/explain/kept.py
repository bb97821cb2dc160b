"""Requests whose tensors were kept: explained from these, and from nothing else where they are enough.

What lives here: steps to explanations. What does not: reading tensors (monitor_jobs.tensors).
"""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import torch

from monitor_jobs.contract.debug_hook import TensorKind
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.explanation import ExplanationRequest
from monitor_jobs.contract.map_kind import MapKind
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.contract.tensor_files import StepFacts
from monitor_jobs.contract.window import Window
from monitor_jobs.explain.explaining import Explained, explained, explained_parts, explained_reduced
from monitor_jobs.explain.subject import Subject
from monitor_jobs.replay.models import ReplayedModel
from monitor_jobs.tensors.rebuilding import decomposition_of, inputs_of, reduced_of
from monitor_jobs.tensors.source import FolderSource
from monitor_jobs.tensors.trial import Trial, loads


def kept_subjects(
    folder: Path, model: ReplayedModel, request: ExplanationRequest, window: Window | None
) -> Iterator[Subject]:
    """The steps in a folder of loads that are asked for, at most `limit`; a window counts only where no id is named.

    The model is looked at for steps of kind replay alone. Raises BadInput where a file is none of ours.
    """
    trials = [Trial(load) for load in loads(FolderSource(folder))]
    if not trials:
        raise BadInput(f"{folder} holds no load of a model that keeps tensors: see the address that the hook names")
    return islice(_subjects(trials, model, request, window), request.limit)


def _subjects(
    trials: Iterable[Trial], model: ReplayedModel, request: ExplanationRequest, window: Window | None
) -> Iterator[Subject]:
    for trial in trials:
        for step in trial.steps():
            facts = trial.facts_of(step)
            if _is_asked(facts, request, window):
                explain = partial(_explain, trial, step, model, request.map_kind)
                yield Subject(facts.event_id, facts.inference_id, explain)


def _is_asked(facts: StepFacts, request: ExplanationRequest, window: Window | None) -> bool:
    if request.ids:
        return facts.event_id in request.event_ids or facts.inference_id in request.inference_ids
    return window is None or facts.answered_at in window


def _explain(trial: Trial, step: int, model: ReplayedModel, kind: MapKind) -> Iterator[tuple[Explained, str | None]]:
    card = ModelCard(classes=trial.facts.classes)
    answered: list[str | None] = [card.class_name(target) for target in trial.facts_of(step).targets]
    found = list(_BY_KIND[trial.facts.kind](trial, step, model, kind, card))
    yield from zip(found, answered or [None] * len(found), strict=True)


def _from_raw(trial: Trial, step: int, _model: ReplayedModel, kind: MapKind, card: ModelCard) -> Iterator[Explained]:
    return explained_parts(decomposition_of(trial, step), inputs_of(trial, step), kind, card)


def _from_reduced(
    trial: Trial, step: int, _model: ReplayedModel, kind: MapKind, card: ModelCard
) -> Iterator[Explained]:
    if kind is not MapKind.IDIAP:
        raise BadInput(f"tensors of kind reduced hold the map {MapKind.IDIAP} alone, not {kind}")
    return explained_reduced(reduced_of(trial, step), torch.tensor(trial.facts_of(step).scores), card)


def _from_replay(trial: Trial, step: int, model: ReplayedModel, kind: MapKind, card: ModelCard) -> Iterator[Explained]:
    if model.sha256 != trial.facts.model_sha256:
        raise BadInput(
            f"it was answered by {trial.facts.model_data_url} as it was then, of SHA-256 "
            f"{trial.facts.model_sha256[:12]}...; the archive of this job has {model.sha256[:12]}...: give it that one"
        )
    return explained(model.network, inputs_of(trial, step), kind, card)


_BY_KIND = {TensorKind.RAW: _from_raw, TensorKind.REDUCED: _from_reduced, TensorKind.REPLAY: _from_replay}
