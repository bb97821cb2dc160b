"""An endpoint of several variants, step after step: who starts, who serves with which share, who is started again."""

import pytest

from service.core.deployment import EndpointSpec
from service.core.handover import ADDRESS_SECONDS, LINGER
from service.core.states import EndpointStatus
from service.core.variants import asked_for, variants_of
from service.scheduler.endpoints import RESTART_SECONDS
from tests.integration.endpoint_updates import Scene
from tests.integration.scheduling import House

UPDATING, IN_SERVICE = EndpointStatus.UPDATING, EndpointStatus.IN_SERVICE


@pytest.fixture
def scene(tmp_path):
    """An endpoint that serves Blue of weight 3 with process 1 and Green of weight 1 with process 2."""
    scene = Scene(House(tmp_path))
    scene.serve(Blue=3.0, Green=1.0)
    yield scene
    scene.house.close()


@pytest.fixture
def new_scene(tmp_path):
    scene = Scene(House(tmp_path))
    yield scene
    scene.house.close()


def shares(scene):
    return {variant.name: variant.weight for variant in variants_of(scene.row)}


def loading(scene):
    return [variant.name for variant in variants_of(scene.row) if variant.is_loading]


def spool_names(scene):
    specs = [EndpointSpec.model_validate(spec.model_dump()) for spec in scene.host.started]
    return [(spec.variant, spec.spool_folder.parent.name) for spec in specs]


def settle(scene):
    scene.look(times=2)
    scene.house.clock.go(seconds=LINGER.total_seconds())
    return scene.look(times=3)


def reweigh(scene, **weights):
    """What UpdateEndpointWeightsAndCapacities writes."""
    scene.ask_for(None, running=[asked_for(process, weights) for process in scene.row.running])


def test_each_variant_is_a_process_with_the_weight_of_its_configuration(scene):
    assert (scene.row.status, scene.pids("running")) == (IN_SERVICE, [1, 2])
    assert shares(scene) == {"Blue": 3.0, "Green": 1.0}
    assert spool_names(scene) == [("Blue", "Blue"), ("Green", "Green")]


def test_an_endpoint_serves_once_all_of_its_variants_are_ready(new_scene):
    new_scene.add_config("old", Blue=1.0, Green=1.0)
    new_scene.create()
    new_scene.host.ready_ones.add(1)
    assert new_scene.look(times=3).status is EndpointStatus.CREATING
    new_scene.host.ready_ones.add(2)
    assert new_scene.look().status is IN_SERVICE


def test_a_variant_that_does_not_load_fails_the_endpoint_by_name_and_ends_the_others(new_scene):
    new_scene.add_config("old", Blue=1.0, Green=1.0)
    new_scene.create()
    new_scene.look()
    new_scene.host.living.discard(2)
    row = new_scene.look()
    assert (row.status, row.failure_reason) == (EndpointStatus.FAILED, "variant Green: out of memory")
    assert new_scene.host.living == set()


def test_what_was_started_before_one_that_cannot_be_is_ended(new_scene):
    new_scene.add_config("old", Blue=1.0, Green=1.0)
    new_scene.host.most = 1
    new_scene.create()
    new_scene.look()
    assert (new_scene.row.running, new_scene.host.stopped) == ([], [1])


def test_an_update_starts_all_variants_beside_and_changes_to_all_at_once(scene):
    scene.add_config("new", Green=2.0, Red=5.0)
    scene.ask_for("new")
    scene.look()
    assert (scene.pids("running"), scene.pids("starting")) == ([1, 2], [3, 4])
    scene.host.ready_ones.add(3)
    scene.look(times=2)
    assert scene.pids("running") == [1, 2]
    scene.host.ready_ones.add(4)
    assert settle(scene).status is IN_SERVICE
    assert (shares(scene), scene.host.living) == ({"Green": 2.0, "Red": 5.0}, {3, 4})


def test_one_variant_that_does_not_load_rolls_all_of_an_update_back(scene):
    scene.add_config("new", Green=2.0, Red=5.0)
    scene.ask_for("new")
    scene.look()
    scene.host.ready_ones.add(3)
    scene.host.living.discard(4)
    row = scene.look(times=4)
    assert (row.status, row.failure_reason) == (IN_SERVICE, "variant Red: out of memory")
    assert (scene.pids("running"), scene.host.living) == ([1, 2], {1, 2})


def test_a_variant_takes_over_its_own_spool_and_a_new_one_that_of_one_that_goes(scene):
    scene.add_config("new", Red=1.0, Green=1.0, Violet=1.0)
    scene.ask_for("new")
    scene.look()
    assert spool_names(scene)[2:] == [("Red", "Blue"), ("Green", "Green"), ("Violet", "Violet")]


def test_retained_weights_are_given_to_variants_of_the_same_name_alone(scene):
    scene.add_config("new", Green=2.0, Red=5.0)
    scene.ask_for("new", retained_weights={"Blue": 3.0, "Green": 0.0})
    scene.look()
    scene.host.ready_ones |= {3, 4}
    settle(scene)
    assert shares(scene) == {"Green": 0.0, "Red": 5.0}
    assert scene.row.retained_weights is None


def test_other_weights_are_given_at_once_and_told_once_no_gateway_draws_by_the_old_ones(scene):
    reweigh(scene, Green=0.0)
    assert scene.look().status is UPDATING
    assert shares(scene) == {"Blue": 3.0, "Green": 0.0}
    assert scene.look(times=3).status is UPDATING
    scene.house.clock.go(seconds=ADDRESS_SECONDS)
    assert scene.look().status is IN_SERVICE
    assert scene.host.stopped == []


def test_only_the_variant_that_died_is_started_again_in_its_place(scene):
    scene.host.living.discard(1)
    scene.look()
    assert (scene.pids("running"), loading(scene)) == ([3, 2], ["Blue"])
    assert (shares(scene), scene.host.started[2]) == ({"Blue": 3.0, "Green": 1.0}, scene.host.started[0])


def test_a_variant_that_was_started_again_loads_until_it_is_ready(scene):
    scene.host.living.discard(1)
    scene.look(times=3)
    assert loading(scene) == ["Blue"]
    scene.host.ready_ones.add(3)
    scene.look()
    assert (loading(scene), scene.row.status) == ([], IN_SERVICE)


def test_a_variant_that_was_started_again_and_hangs_is_given_four_minutes(scene):
    scene.host.living.discard(1)
    scene.look()
    scene.house.clock.go(minutes=4)
    assert scene.look().running[0]["handle"]["pid"] == 3
    scene.house.clock.go(seconds=1)
    scene.restart_scheduler()  # which knows of no pause
    scene.look(times=3)
    assert (scene.pids("running"), scene.host.living) == ([4, 2], {2, 4})


def test_variants_that_die_together_are_started_together(scene):
    scene.host.living.clear()
    scene.look()
    assert (scene.pids("running"), loading(scene)) == ([3, 4], ["Blue", "Green"])


def test_a_variant_that_dies_again_and_again_waits_and_keeps_no_other_from_its_start(scene):
    scene.host.living.discard(1)
    scene.look()
    scene.host.living.clear()
    scene.look(times=5)
    assert RESTART_SECONDS[1] > 0
    assert (scene.pids("running"), len(scene.host.started)) == ([3, 4], 4)
    assert scene.host.started[3] == scene.host.started[1]


def test_a_deleted_endpoint_takes_all_variants_along(scene):
    scene.ask_for(None, status=EndpointStatus.DELETING)
    assert scene.look(times=3) is None
    assert scene.host.living == set()
