"""One run: which requests are asked for, and the files that are left.

What lives here: settings and files. What does not: everything in between (captured, kept, explaining, pictures).
"""

import argparse
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from pydantic import ValidationError

from monitor_jobs.contract.container import ContainerPaths
from monitor_jobs.contract.errors import BadInput, SextantError
from monitor_jobs.contract.explanation import (
    EXPLANATIONS_FILE,
    Explanation,
    ExplanationRequest,
    Explanations,
    Unexplained,
)
from monitor_jobs.explain.captured import captured_subjects
from monitor_jobs.explain.explaining import Explained
from monitor_jobs.explain.kept import kept_subjects
from monitor_jobs.explain.pictures import picture
from monitor_jobs.explain.records import find
from monitor_jobs.explain.subject import Subject
from monitor_jobs.job import run_job, say
from monitor_jobs.job.files import dataset_files, first_fault, write_message, write_outputs
from monitor_jobs.job.settings import parse_settings
from monitor_jobs.replay.models import MODEL_FOLDER, replayed

NAME: Final = "explain"
TENSORS_FOLDER: Final = "/opt/ml/processing/tensors"


def run(argv: Sequence[str]) -> int:
    """The exit code of one run: 0 where at least one record was explained; tests/integration/test_explain_job.py."""
    options, others = _options().parse_known_args(argv)
    return run_job(NAME, partial(perform, asked=vars(options)), others)


def perform(paths: ContainerPaths, environment: Mapping[str, str], asked: Mapping[str, object]) -> None:
    """Explain, and leave `explanations.json` last of all files. Raises BadInput where nothing could be explained."""
    settings, request = parse_settings(environment, paths), parse_request(asked)
    with replayed(paths.below_root(MODEL_FOLDER), environment) as model:
        tensors = paths.below_root(TENSORS_FOLDER)
        if tensors.is_dir():
            subjects = kept_subjects(tensors, model, request, settings.window)
        else:
            subjects = captured_subjects(find(dataset_files(settings), request), model, request.map_kind)
        found = _all(subjects, settings.output)
    result = Explanations(
        endpoint=settings.endpoint,
        explanations=tuple(found.explanations),
        unexplained=tuple(found.unexplained),
        absent=tuple(sorted(request.ids - found.ids)),
    )
    write_outputs(settings.output, {EXPLANATIONS_FILE: result.to_json()})
    _conclude(result, paths)


@dataclass(slots=True)
class _Found:
    ids: set[str | None] = field(default_factory=set)
    explanations: list[Explanation] = field(default_factory=list)
    unexplained: list[Unexplained] = field(default_factory=list)


def _all(subjects: Iterable[Subject], output: Path) -> _Found:
    found = _Found()
    for number, subject in enumerate(subjects, start=1):
        found.ids |= {subject.event_id, subject.inference_id}
        try:
            found.explanations += _explain(number, subject, output)
        except SextantError as error:
            found.unexplained.append(Unexplained(event_id=subject.event_id, reason=str(error)))
            say(f"{subject.event_id} is not explained: {error}")
        else:
            say(f"{subject.event_id} is explained")
    return found


def _explain(number: int, subject: Subject, output: Path) -> Iterator[Explanation]:
    """Leaves a picture and a map for each input of a request, and says what is on them."""
    for position, (one, answered) in enumerate(subject.explain()):
        stem = f"{number:03d}-{_file_name(subject)}-{position}"
        said = _explanation(one, subject, position=position, answered=answered, stem=stem)
        write_outputs(output, {said.picture_file: picture(one), said.map_file: _npy(one)})
        yield said


def _options() -> argparse.ArgumentParser:
    """What ExplanationRequest.arguments writes."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS)
    parser.add_argument("--event-id", dest="event_ids", action="append")
    parser.add_argument("--inference-id", dest="inference_ids", action="append")
    parser.add_argument("--limit")
    parser.add_argument("--map", dest="map_kind")
    return parser


def parse_request(asked: Mapping[str, object]) -> ExplanationRequest:
    """What is asked for. Raises BadInput for a value that is none."""
    try:
        return ExplanationRequest.model_validate(asked)
    except ValidationError as error:
        raise BadInput(f"nothing can be explained so: {first_fault(error, 'the whole')}") from error


def _explanation(one: Explained, subject: Subject, *, position: int, answered: str | None, stem: str) -> Explanation:
    return Explanation(
        event_id=subject.event_id,
        inference_id=subject.inference_id,
        position=position,
        predicted=one.predicted,
        runner_up=one.runner_up,
        answered=answered,
        map_kind=one.map_kind,
        completeness_error=one.completeness_error,
        exact=one.exact,
        outside_centre=one.outside_centre,
        parts=one.parts,
        picture_file=f"{stem}.png",
        map_file=f"{stem}.npy",
    )


def _npy(one: Explained) -> bytes:
    file = io.BytesIO()
    np.save(file, one.saliency)
    return file.getvalue()


def _file_name(subject: Subject) -> str:
    # a foreign capture's id may be anything, also a path
    characters = subject.event_id[:100]
    return "".join(one if one.isascii() and (one.isalnum() or one in "-_") else "_" for one in characters)


def _conclude(result: Explanations, paths: ContainerPaths) -> None:
    if not result.explanations:
        why = result.unexplained[0].reason if result.unexplained else "no request that was kept is asked for"
        raise BadInput(f"nothing could be explained: {why}")
    parts = [f"{len(result.explanations)} predictions explained"]
    if inexact := sum(not one.exact for one in result.explanations):
        parts.append(f"{inexact} of them not exactly")
    if result.unexplained:
        parts.append(f"{len(result.unexplained)} records not explained")
    if result.absent:
        parts.append(f"{len(result.absent)} ids in no capture")
    message = f"Completed: {', '.join(parts)}."
    write_message(paths, message)
    say(message)
