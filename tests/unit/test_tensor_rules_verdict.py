"""The verdict of rules on a window of steps: healthy ones raise nothing, and each fault is told by its own check."""

import math

import numpy as np
import pytest

from monitor_jobs.contract.debug_hook import Collection, SaveSteps, TensorKind
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.tensor_rules.analysis import Summary, judge, suggest_baseline, usual_magnitudes
from monitor_jobs.tensor_rules.choosing import Network
from monitor_jobs.tensor_rules.parameters import EVERY_RULE, Rules
from tests.unit.tensor_steps import MODULES, NETWORK, healthy, step, summary_of, verdict_of

WINDOW = 40


def unharmed(_number, arrays):
    return arrays


def window(fault=unharmed, *, steps=WINDOW, network=NETWORK):
    """Steps of a healthy network, to each of which something may be done."""
    return [step(number, fault(number, healthy(number)), network) for number in range(steps)]


def with_values(name: str, value: float, numbers=range(WINDOW)):
    """A fault that sets a whole tensor in some steps."""
    return lambda number, arrays: arrays | {name: np.full_like(arrays[name], value)} if number in numbers else arrays


def told(verdict) -> dict[str, str]:
    return {f"{row.constraint_check_type} {row.feature_name}": row.description for row in verdict.violations}


def measured(verdict, name):
    return next((one.value for one in verdict.measurements if one.name == name), None)


def test_healthy_steps_raise_nothing_and_every_rule_has_looked():
    verdict = verdict_of(window())
    assert (verdict.violations, verdict.remark) == ((), "")
    looked_at = {one.name: one.value for one in verdict.measurements if one.name.endswith("_looked_at")}
    assert looked_at == {
        "exploding_tensor_looked_at": 5,
        "all_zero_looked_at": 4,
        "dead_relu_looked_at": 1,
        "saturated_activation_looked_at": 2,
    }
    assert not any(one.violated for one in verdict.measurements)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_values_that_are_no_finite_numbers_are_named_with_the_steps_that_have_them(value):
    verdict = verdict_of(window(with_values("gradient/conv_output", value, {3, 7})))
    assert told(verdict) == {
        "exploding_tensor_check gradient/conv_output": "gradient/conv_output: 72 of 72 values are NaN or infinite in "
        "2 of 40 steps"
    }
    named = verdict.violations[0].offending_records
    assert [(one.event_id, one.detail) for one in named] == [
        ("event-3", "36 of 36 values are NaN or infinite"),
        ("event-7", "36 of 36 values are NaN or infinite"),
    ]


def test_nan_alone_may_be_looked_for():
    rules = Rules(ExplodingTensor={"only_nan": True})
    assert not verdict_of(window(with_values("conv_output_0", math.inf)), rules).violations
    assert "values are NaN in" in next(
        iter(told(verdict_of(window(with_values("conv_output_0", math.nan)), rules)).values())
    )


def test_the_worst_steps_are_named_first_and_25_at_most():
    def fault(number, arrays):
        arrays["conv_output_0"].ravel()[: number % 36] = np.nan
        return arrays

    named = verdict_of(window(fault)).violations[0].offending_records
    assert len(named) == 25
    assert named[0].detail.startswith("35 of 36")
    assert named[-1].detail.startswith("11 of 36")


def test_a_fault_is_told_first_of_the_layer_that_has_it_first():
    def fault(number, arrays):
        return {name: np.full_like(values, np.nan) for name, values in arrays.items()}

    names = [row.feature_name for row in verdict_of(window(fault)).violations]
    assert names == ["conv_output_0", "act_output_0", "gate_input_0", "squash_input_0", "gradient/conv_output"]


def test_of_modules_inside_others_the_innermost_comes_first():
    modules = {"block": "Sequential", "block.conv": "Conv2d", "block.act": "ReLU", "head": "Linear"}
    names = ["Net_output_0", "block_output_0", "block.act_output_0", "head_output_0", "block.act_input_0", "scores"]
    arrays = {name: np.array([[np.nan]]) for name in names}
    rows = verdict_of([step(0, arrays, Network("e" * 64, None, modules))], Rules(ExplodingTensor={})).violations
    assert [row.feature_name for row in rows] == [
        "block.act_input_0",
        "block.act_output_0",
        "block_output_0",
        "head_output_0",
        "Net_output_0",
        "scores",
    ]


def test_a_tensor_that_is_all_zero_in_a_step_is_told_but_a_gradient_is_not():
    verdict = verdict_of(window(with_values("conv_output_0", 0, {5})))
    assert told(verdict) == {
        "all_zero_check conv_output_0": "conv_output_0: all of its values are zero in 1 of 40 steps"
    }
    assert not verdict_of(window(with_values("gradient/conv_output", 0))).violations


def test_a_share_of_zeros_and_the_tensors_looked_at_are_the_users_to_say():
    rules = Rules(AllZero={"threshold": 30, "tensor_regex": "^act"})
    assert set(told(verdict_of(window(), rules))) == {"all_zero_check act_output_0"}


def test_units_that_answer_to_no_input_are_dead_where_they_are_most_of_a_layer():
    def silence(units):
        def fault(number, arrays):
            arrays["act_output_0"][:, :units] = 0
            return arrays

        return fault

    assert not verdict_of(window(silence(2))).violations
    (row,) = verdict_of(window(silence(3))).violations
    assert row.description == (
        "act_output_0: 3 of 4 units are dead, more than 50 %: each answers to none of 40 inputs, "
        "or to less than 1 % of them"
    )
    assert len(row.offending_records) == 25


def test_units_that_are_silent_by_turns_are_not_dead():
    def fault(number, arrays):
        arrays["act_output_0"][:, np.arange(4) != number % 4] = 0
        return arrays

    assert not verdict_of(window(fault)).violations


def test_too_few_inputs_tell_of_no_dead_unit():
    verdict = verdict_of(window(with_values("act_output_0", 0), steps=29), Rules(DeadRelu={}))
    assert not verdict.violations
    assert verdict.remark == "No verdict: DeadRelu had too few inputs: its minimum_inputs says how many it takes"
    assert verdict_of(window(with_values("act_output_0", 0), steps=30), Rules(DeadRelu={})).violations


@pytest.mark.parametrize(("name", "value"), [("gate_input_0", 17), ("gate_input_0", -23), ("squash_input_0", 9.5)])
def test_activations_that_are_flat_in_some_steps_are_saturated(name, value):
    verdict = verdict_of(window(with_values(name, value, {1, 2})))
    assert told(verdict) == {
        f"saturated_activation_check {name}": f"{name}: more than 50 % of its units are saturated in 2 of 40 steps"
    }


@pytest.mark.parametrize(("name", "value"), [("gate_input_0", 16.9), ("gate_input_0", -22), ("squash_input_0", 9.4)])
def test_activations_within_their_limits_are_not(name, value):
    assert not verdict_of(window(with_values(name, value))).violations


def test_a_magnitude_far_beyond_the_baselines_is_told_by_both_numbers():
    usual = usual_magnitudes(suggest_baseline(summary_of(window())).statistics)
    assert not verdict_of(window(), usual=usual).violations
    verdict = verdict_of(window(with_values("conv_output_0", -1000, {9})), Rules(ExplodingTensor={}), usual)
    assert told(verdict) == {
        "tensor_magnitude_check conv_output_0": "conv_output_0: a magnitude of 1000 is more than 10 times the "
        f"baseline's {usual['conv_output_0']:.4g}, and so it is in 1 of 40 steps"
    }
    assert [one.event_id for one in verdict.violations[0].offending_records] == ["event-9"]


def test_a_baseline_of_other_tensors_gives_no_verdict_on_magnitudes():
    verdict = verdict_of(window(), Rules(ExplodingTensor={}), {"fc_output_0": 1.0})
    assert verdict.remark == ("No verdict: ExplodingTensor found no tensor that the baseline has too in 40 steps")


def test_a_baseline_takes_steps_enough_and_no_value_that_is_no_number():
    with pytest.raises(BadInput, match="19 steps were kept: a baseline takes 20 of known good traffic"):
        suggest_baseline(summary_of(window(steps=19)))
    with pytest.raises(BadInput, match="conv_output_0: 36 of 36 values are NaN or infinite in 1 of 40 steps; make a"):
        suggest_baseline(summary_of(window(with_values("conv_output_0", math.inf, {0}))))


def test_a_network_without_such_modules_has_nothing_that_could_be_checked():
    linear = Network("b" * 64, None, {"conv": "Conv2d", "act": "GELU", "gate": "Identity", "squash": "Identity"})
    verdict = verdict_of(window(network=linear))
    assert (verdict.violations, verdict.remark) == ((), "")
    assert measured(verdict, "dead_relu_looked_at") == 0
    assert measured(verdict, "dead_relu_tensors") is None
    alone = verdict_of(window(network=linear), Rules(DeadRelu={}))
    assert alone.remark == "No verdict: the network has no module that these rules look at"


def test_tensors_that_were_not_kept_give_no_verdict_and_never_a_clean_one():
    network = Network("c" * 64, TensorKind.RAW, MODULES)
    steps = [step(number, {"conv_output_0": np.ones((1, 2))}, network) for number in range(WINDOW)]
    assert verdict_of(steps).remark == (
        "No verdict: DeadRelu found no output of a ReLU in 40 steps, of which kind raw is kept; "
        "SaturatedActivation found no input of a Sigmoid or Tanh in 40 steps, of which kind raw is kept"
    )


def test_a_regex_that_matches_nothing_gives_no_verdict():
    verdict = verdict_of(window(), Rules(AllZero={"tensor_regex": "^fc"}))
    assert verdict.remark.startswith("No verdict: AllZero found no")


def test_collections_of_the_hook_name_tensors_too():
    held = {"mine": Collection(name="mine", patterns=("^gradient/",), steps=SaveSteps())}
    network = Network("d" * 64, TensorKind.RAW, MODULES, held)
    zero = window(with_values("gradient/conv_output", 0), network=network)
    assert set(told(verdict_of(zero, Rules(AllZero={"collection_names": "mine"})))) == {
        "all_zero_check gradient/conv_output"
    }


def test_without_classes_a_module_is_what_its_name_says():
    unknown = Network()
    arrays = {"layer1.relu_output_0": np.zeros((1, 4), np.float32), "sigmoid_input_0": np.full((1, 4), 99, np.float32)}
    verdict = verdict_of([step(number, arrays, unknown) for number in range(WINDOW)])
    assert {row.constraint_check_type for row in verdict.violations} == {
        "all_zero_check",
        "dead_relu_check",
        "saturated_activation_check",
    }


def test_two_versions_of_a_model_are_told_apart():
    others = window(with_values("act_output_0", 0), network=Network("b" * 64, None, MODULES))
    verdict = verdict_of(window() + others, Rules(DeadRelu={}))
    (row,) = verdict.violations
    assert row.description.startswith("act_output_0 of model bbbbbbbbbbbb: 4 of 4 units are dead")


def test_a_layer_whose_units_change_in_number_is_another_one():
    def fault(number, arrays):
        return arrays | {"act_output_0": np.zeros((1, 2 + number % 2), np.float32)}

    rows = verdict_of(window(fault, steps=60), Rules(DeadRelu={})).violations
    assert sorted(row.description.split(" units")[0] for row in rows) == [
        "act_output_0: 2 of 2",
        "act_output_0: 3 of 3",
    ]


def test_what_breaks_in_many_tensors_is_told_of_the_first_20_and_counted():
    arrays = {f"layer{number:03d}_output_0": np.array([[np.nan]]) for number in range(60)}
    verdict = verdict_of([step(0, arrays)], Rules(ExplodingTensor={}))
    assert len(verdict.violations) == 20
    assert verdict.violations[-1].description.endswith("; 40 more tensors do the same")
    assert measured(verdict, "exploding_tensor_tensors") == 60


def test_steps_without_a_value_in_them_are_looked_at_by_no_rule():
    verdict = verdict_of([step(0, {"conv_output_0": np.zeros((0, 4)), "act_output_0": np.zeros((2, 0))})])
    assert not verdict.violations
    assert verdict.remark.startswith("No verdict: ExplodingTensor found no tensor in 1 steps")


def test_nothing_is_no_verdict():
    assert judge(Summary(), EVERY_RULE, {}).remark == "No verdict: 0 steps"


def test_steps_that_cannot_be_read_are_a_violation():
    verdict = judge(Summary(records=9, unreadable={"damaged": 1}), EVERY_RULE, {})
    assert [row.description for row in verdict.violations] == [
        "1 of 10 steps cannot be read (1 damaged), above the 1 % limit"
    ]


def test_statistics_hold_the_extent_of_every_tensor():
    verdict = verdict_of(window(with_values("conv_output_0", math.nan, {0})))
    features = {feature.name: feature.numerical_statistics for feature in verdict.statistics.features}
    assert list(features)[:2] == ["conv_output_0", "act_output_0"]
    conv = features["conv_output_0"]
    assert (conv.common.num_present, conv.common.num_missing) == (39 * 36, 36)
    values = np.concatenate([healthy(number)["conv_output_0"] for number in range(1, WINDOW)]).astype(np.float64)
    assert (conv.min, conv.max) == (values.min(), values.max())
    assert conv.mean == pytest.approx(values.mean())
