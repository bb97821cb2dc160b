"""The short form of every benchmark runs, prints one JSON object, and invents nothing it did not measure.

The demo's benchmark has no form of a few seconds; tests/e2e/test_demo.py runs its story.
"""

import json
import math
import subprocess
import sys
from datetime import date

import pytest

from tests.benchmarks.all import BENCHMARKS, page_of

SHORT = [name for name in BENCHMARKS if name != "demo"]
# Of the other campaigns a few faults each are tried by tests/integration (test_capture_*, test_store_faults, ...).
ONLY = {"capture_faults": ["--only", "nth_call", "holes"]}
PATIENCE = 600  # beside other tests, on a busy machine
pytestmark = pytest.mark.timeout(PATIENCE + 30)


@pytest.fixture(scope="module", params=SHORT)
def result(request):
    command = [sys.executable, "-m", f"tests.benchmarks.{request.param}", "--quick", "--json"]
    command += ONLY.get(request.param, [])
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


def test_a_benchmark_says_what_it_measured_and_where(result):
    assert set(result) == {"benchmark", "machine", "figures", "missing"}


def test_every_figure_is_a_number_with_a_unit_and_a_goal(result):
    figures = result["figures"].values()
    assert all(math.isfinite(figure["value"]) and figure["unit"] and figure["goal"] for figure in figures)


def test_no_figure_is_both_measured_and_missing(result):
    assert not set(result["figures"]) & set(result["missing"])


def test_a_result_becomes_a_section_of_the_page(result):
    page = page_of([result], "", date(2026, 11, 20))
    assert all(f"| {figure} |" in page for figure in [*result["figures"], *result["missing"]])
