"""The alert rules that ship: valid, over metrics that exist, and firing when and only when they should."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from service.metrics import Metric
from tests.servers.programs import find_program

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "sextant.rules.yml"
CONFIG = ROOT / "deploy" / "prometheus" / "prometheus.yml"
CASES = Path(__file__).with_name("alert_rules_test.yml")


def promtool(*arguments):
    """What promtool printed. Raises AssertionError with all it said where it found a fault."""
    done = subprocess.run([find_program("promtool"), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_rules_use_metrics_that_exist():
    used = set(re.findall(r"\bsextant_\w+", RULES.read_text()))
    assert used
    assert used <= set(Metric)


@pytest.mark.server("promtool")
def test_the_rules_are_valid():
    assert "SUCCESS: 4 rules found" in promtool("check", "rules", str(RULES))


@pytest.mark.server("promtool")
def test_the_configuration_is_valid_beside_its_two_files_of_secrets(tmp_path):
    shutil.copytree(CONFIG.parent, tmp_path / "prometheus")
    for name in re.findall(r"credentials_file: (\S+)", CONFIG.read_text()):
        (tmp_path / "prometheus" / name).touch()
    config = tmp_path / "prometheus" / CONFIG.name
    assert "is valid prometheus config file syntax" in promtool("check", "config", str(config))


@pytest.mark.server("promtool")
def test_the_rules_fire_when_they_should_and_never_else():
    assert "SUCCESS" in promtool("test", "rules", str(CASES))


@pytest.mark.server("promtool")
def test_a_rule_that_never_fires_would_be_noticed(tmp_path):
    broken = tmp_path / "broken.rules.yml"
    broken.write_text(RULES.read_text().replace("> 0", "> 1e9").replace("== 1", "== 2"))
    cases = tmp_path / "cases.yml"
    cases.write_text(CASES.read_text().replace("../../deploy/prometheus/sextant.rules.yml", str(broken)))
    with pytest.raises(AssertionError, match="FAILED"):
        promtool("test", "rules", str(cases))
