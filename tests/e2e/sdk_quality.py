"""Data quality and model quality by both SageMaker SDKs: `python -m tests.e2e.sdk_quality [--json]`.

What lives here: what the flow is given, its two clients, and the figure. What does not: the calls (quality_calls).
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.figures import Figure, publish
from tests.e2e.client_environment import STORES
from tests.e2e.flow_command import Flow, Outcome, ignore, print_step, run
from tests.e2e.flow_steps import Step
from tests.e2e.packages.loans import draw_people, write_answers, write_package, write_truths
from tests.e2e.sdk_environment import sdk_python

FIGURE = "sdk_default_monitor_flow_steps_failed"
PREPROCESSOR = """
def preprocess_handler(inference_record):
    age, income, region = inference_record.endpoint_input.data.strip().split(",")
    return {"age": int(age), "income_thousands": float(income) / 1000}
"""


def write_material(folder: Path) -> None:
    """What a data scientist has: a package, two baselines, a script, and people: as usual, and
    some who are twenty years older, about whom the model is wrong.
    """
    write_package(folder / "model.tar.gz")
    write_answers(folder / "answers.csv", draw_people(2000, seed=1))
    write_truths(folder / "truths.csv", draw_people(2000, seed=2))
    (folder / "preprocessor.py").write_text(PREPROCESSOR)
    usual, older = draw_people(120, seed=3), draw_people(240, seed=4, older_by=20)
    (folder / "usual.json").write_text(json.dumps([(one.line, one.paid_back) for one in usual]))
    (folder / "older.json").write_text(json.dumps([(one.line, 1 - one.paid_back) for one in older]))


FLOWS = tuple(
    Flow(f"sdk_quality_{version}", f"tests.e2e.sdk_quality_{version}_calls", partial(sdk_python, pins), write_material)
    for version, pins in (("v2", "sagemaker_v2"), ("v3", "sagemaker_v3"))
)


def main() -> int:
    """The exit code of the command: 1 where a call failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.sdk_quality")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--store", choices=STORES, default="ceph", help="where objects are kept (default: ceph)")
    arguments = parser.parse_args()
    tell = ignore if arguments.json else print_step
    outcomes = {flow.name: outcome_of(flow, arguments.store, tell=tell) for flow in FLOWS}
    for name, outcome in outcomes.items():
        if not outcome.succeeded:
            print(f"{outcome.printed[-3000:]}\n{name} ended with {outcome.exit_code}", file=sys.stderr)
    publish("sdk_quality", {FIGURE: figure_of(outcomes)}, {}, arguments.json)
    return int(not all(outcome.succeeded for outcome in outcomes.values()))


def outcome_of(flow: Flow, store: str, *, tell: Callable[[Step], None]) -> Outcome:
    """What comes of a flow on an installation of its own."""
    with TemporaryDirectory(prefix="flow-") as folder, STORES[store](Path(folder)) as installed:
        return run(flow, installed, tell=tell)


def figure_of(outcomes: Mapping[str, Outcome]) -> Figure:
    """How many calls failed, by name; a flow that did not come to its end counts as one more."""
    failed = [f"{name}: {step.call}: {step.outcome}" for name, outcome in outcomes.items() for step in outcome.failed]
    failed += [f"{name}: did not come to its end" for name, outcome in outcomes.items() if not outcome.ended]
    tried = sum(len(outcome.steps) for outcome in outcomes.values())
    return Figure(len(failed), "calls", "<= 0", "; ".join(failed) or f"{tried} calls by {', '.join(outcomes)}")


if __name__ == "__main__":
    sys.exit(main())
