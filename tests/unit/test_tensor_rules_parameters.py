"""Rules as users name them: Debugger's names, its defaults, and its habit of writing every parameter as text."""

import json
import math
import re

import pytest

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.report import Constraints
from monitor_jobs.tensor_rules.parameters import EVERY_RULE, Rules, rules_from


def of(**rules: object) -> Rules:
    return rules_from({"TENSOR_RULES": json.dumps(rules)}, None)


def test_every_rule_runs_with_debuggers_defaults_where_nothing_is_said():
    rules = rules_from({}, None)
    assert rules == EVERY_RULE
    assert (rules.all_zero.threshold, rules.exploding_tensor.only_nan) == (100, False)
    assert (rules.dead_relu.threshold_inactivity, rules.dead_relu.threshold_layer) == (1, 50)
    saturated = rules.saturated_activation
    assert (saturated.threshold_tanh, saturated.threshold_sigmoid) == ((-9.4999, 9.4999), (-23, 16.99999))
    assert (saturated.threshold_inactivity, saturated.threshold_layer) == (1, 50)


def test_beyond_its_limits_an_activations_slope_is_below_one_in_ten_million():
    saturated = EVERY_RULE.saturated_activation
    assert all(1 - math.tanh(limit) ** 2 < 1e-7 for limit in saturated.threshold_tanh)
    sigmoid = [1 / (1 + math.exp(-limit)) for limit in saturated.threshold_sigmoid]
    assert all(value * (1 - value) < 1e-7 for value in sigmoid)


def test_names_alone_are_rules_as_they_are():
    rules = rules_from({"TENSOR_RULES": "DeadRelu, AllZero"}, None)
    assert rules == Rules(DeadRelu={}, AllZero={})


def test_parameters_may_be_texts_as_debuggers_are():
    rules = of(
        ExplodingTensor={"only_nan": "True", "tensor_regex": "relu_output,fc"},
        SaturatedActivation={"threshold_tanh": "(-3, 3)"},
        DeadRelu={"threshold_layer": "20", "collection_names": "relus, all"},
    )
    assert rules.exploding_tensor.only_nan
    assert rules.exploding_tensor.tensor_regex == ("relu_output", "fc")
    assert rules.saturated_activation.threshold_tanh == (-3, 3)
    assert (rules.dead_relu.threshold_layer, rules.dead_relu.collection_names) == (20, {"relus", "all"})
    assert rules.all_zero is None


def test_a_baselines_rules_count_where_the_variable_is_absent():
    constraints = Constraints(monitoring_config={"tensor_rules": {"AllZero": {"threshold": 90}, "DeadRelu": None}})
    assert rules_from({}, constraints) == Rules(AllZero={"threshold": 90})
    assert rules_from({"TENSOR_RULES": "DeadRelu"}, constraints) == Rules(DeadRelu={})
    assert rules_from({}, Constraints()) == EVERY_RULE


def test_what_a_baseline_writes_is_read_again():
    section = EVERY_RULE.model_dump(mode="json", by_alias=True)
    assert rules_from({}, Constraints.model_validate_json(json.dumps({"monitoring_config": {"tensor_rules": section}})))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("DeadRelus", "TENSOR_RULES names 'DeadRelus', which is no rule: there are ExplodingTensor, AllZero, DeadRelu"),
        ("", "TENSOR_RULES names no rule"),
        ("{}", "TENSOR_RULES names no rule"),
        ('{"DeadRelu": null}', "TENSOR_RULES names no rule"),
        ("{", "TENSOR_RULES has a whole '{'"),
        ('{"AllZero": {"treshold": 5}}', "TENSOR_RULES has AllZero.treshold, which is no parameter of that rule"),
        ('{"AllZero": {"threshold": "much"}}', "TENSOR_RULES has AllZero.threshold 'much': input should be a valid"),
        ('{"AllZero": {"threshold": 101}}', "AllZero.threshold '101': input should be less than or equal to 100"),
        ('{"AllZero": {"threshold": "NaN"}}', "AllZero.threshold 'NaN': input should be a finite number"),
        ('{"DeadRelu": {"tensor_regex": "("}}', "DeadRelu.tensor_regex '(': value error, '(' is no regular expression"),
        ('{"SaturatedActivation": {"threshold_tanh": "3"}}', "SaturatedActivation.threshold_tanh.1 "),
        ('{"SaturatedActivation": {"threshold_tanh": [3, -3]}}', "threshold_tanh is (3, -3): the first has to be"),
    ],
)
def test_what_names_no_rule_is_refused_by_its_place(text, message):
    with pytest.raises(BadInput, match=re.escape(message)):
        rules_from({"TENSOR_RULES": text}, None)


def test_a_fault_in_constraints_is_told_by_its_file():
    with pytest.raises(BadInput, match=re.escape("monitoring_config.tensor_rules in constraints.json has a whole '3'")):
        rules_from({}, Constraints(monitoring_config={"tensor_rules": 3}))
