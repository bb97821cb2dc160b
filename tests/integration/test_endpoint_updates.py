"""An endpoint updated, step after step: who serves, who starts, who retires, and what a killed scheduler leaves."""

from dataclasses import replace

import pytest

from monitor_jobs.contract.errors import Conflict
from service.core.deployment import EndpointSpec
from service.core.handover import ADDRESS_SECONDS, LINGER
from service.core.states import EndpointStatus
from tests.integration.endpoint_updates import Scene
from tests.integration.scheduling import House

UPDATING, ROLLING_BACK, IN_SERVICE = EndpointStatus.UPDATING, EndpointStatus.ROLLING_BACK, EndpointStatus.IN_SERVICE


@pytest.fixture
def scene(tmp_path):
    """An endpoint that serves `old` with process 1, and is asked for `new`."""
    scene = Scene(House(tmp_path))
    scene.serve()
    scene.add_config("new")
    scene.ask_for("new")
    yield scene
    scene.house.close()


def processes(scene):
    return scene.pids("running"), scene.pids("starting"), scene.pids("retiring")


def switched(scene):
    """The scene at the moment at which process 2 has taken over from process 1."""
    scene.look()
    scene.host.ready_ones.add(2)
    scene.look()
    return scene


def settle(scene):
    """The row once the time is over in which process 1 may still be asked."""
    scene.house.clock.go(seconds=LINGER.total_seconds())
    return scene.look(times=3)


def test_the_new_process_starts_beside_the_old_one(scene):
    row = scene.look()
    assert processes(scene) == ([1], [2], [])
    assert (row.status, row.config_name) == (UPDATING, "old")
    assert [spec.model_name for spec in scene.host.started] == ["old", "new"]


def test_nothing_changes_while_the_new_process_loads(scene):
    before = scene.look()
    assert scene.look(times=5) == before
    assert scene.host.stopped == []


def test_a_ready_process_takes_over_and_the_old_one_is_not_ended_yet(scene):
    row = switched(scene).row
    assert processes(scene) == ([2], [], [1])
    assert (row.status, row.config_name, row.pending_config_name) == (UPDATING, "new", None)
    assert scene.look(times=3).status is UPDATING
    assert scene.host.stopped == []


def test_the_old_process_is_ended_when_no_request_can_be_on_its_way_and_then_all_is_done(scene):
    assert settle(switched(scene)).status is IN_SERVICE
    assert processes(scene) == ([2], [], [])
    assert scene.host.stopped == [1]


def test_a_process_lingers_for_longer_than_its_address_is_used():
    assert LINGER.total_seconds() >= ADDRESS_SECONDS + 1


def test_a_termination_wait_is_kept(scene):
    policy = {"TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE"}, "TerminationWaitInSeconds": 60}
    scene.ask_for("new", deployment_config={"BlueGreenUpdatePolicy": policy})
    settle(switched(scene))
    assert scene.host.stopped == []
    scene.house.clock.go(minutes=1)
    assert scene.look(times=3).status is IN_SERVICE


@pytest.mark.parametrize("policy", [{"BlueGreenUpdatePolicy": None}, {"BlueGreenUpdatePolicy": {}}, {}])
def test_a_deployment_config_that_asks_for_nothing_changes_nothing(scene, policy):
    scene.ask_for("new", deployment_config=policy)
    assert settle(switched(scene)).status is IN_SERVICE


def test_the_same_configuration_again_is_another_process_of_it(scene):
    scene.ask_for("old")
    assert settle(switched(scene)).config_name == "old"
    assert processes(scene) == ([2], [], [])


def test_an_old_process_that_does_not_end_is_told_to_again(scene):
    scene.host.held.add(1)
    assert settle(switched(scene)).status is UPDATING
    scene.host.held.clear()
    assert scene.look(times=3).status is IN_SERVICE


def test_a_process_that_ends_while_it_loads_leaves_everything_as_it_was(scene):
    scene.look()
    scene.host.living.discard(2)
    row = scene.look()
    assert (row.status, row.config_name, row.failure_reason) == (ROLLING_BACK, "old", "out of memory")
    assert scene.look(times=3).status is IN_SERVICE
    assert processes(scene) == ([1], [], [])
    assert scene.row.failure_reason == "out of memory"


def test_a_process_that_hangs_is_given_four_minutes_and_ended(scene):
    scene.look()
    scene.house.clock.go(minutes=4)
    assert scene.look().status is UPDATING
    scene.house.clock.go(seconds=1)
    assert scene.look().failure_reason == "/ping did not answer 200 within 0:04:00"
    assert scene.look(times=3).status is IN_SERVICE
    assert (processes(scene), scene.host.stopped) == (([1], [], []), [2])


def test_a_restart_of_the_old_process_gives_the_new_one_no_more_time(scene):
    scene.look()
    scene.house.clock.go(minutes=3)
    scene.host.living.discard(1)
    scene.look()
    scene.house.clock.go(minutes=1, seconds=1)
    assert scene.look().status is ROLLING_BACK


@pytest.mark.parametrize("table", ["endpoint_configs", "models"])
def test_what_was_deleted_meanwhile_is_named_and_the_old_process_serves_on(scene, table):
    getattr(scene.house.database, table).remove("new")
    assert "new is gone" in scene.look(times=3).failure_reason
    assert (scene.row.status, processes(scene)) == (IN_SERVICE, ([1], [], []))


def test_the_old_configuration_is_not_needed_any_more(scene):
    scene.house.database.endpoint_configs.remove("old")
    assert settle(switched(scene)).status is IN_SERVICE


def test_an_old_process_that_dies_is_started_again_and_serves_until_the_new_one_is_ready(scene):
    scene.look()
    scene.host.living.discard(1)
    scene.look()
    assert (scene.pids("running"), scene.pids("starting")) == ([3], [2])
    assert scene.host.started[2] == scene.host.started[0]
    scene.host.ready_ones.add(2)
    assert settle(scene).status is UPDATING
    assert settle(scene).status is IN_SERVICE
    assert (processes(scene), scene.host.living) == (([2], [], []), {2})


def test_a_new_process_that_dies_after_it_took_over_is_started_again(scene):
    switched(scene)
    scene.host.living.discard(2)
    scene.look()
    assert (scene.pids("running"), scene.host.started[2]) == ([3], scene.host.started[1])
    assert settle(scene).status is IN_SERVICE
    assert scene.host.living == {3}


def test_an_update_is_recovered_from_a_failed_one(scene):
    scene.house.database.models.remove("new")
    scene.look(times=3)
    scene.add_config("newer")
    scene.ask_for("newer", failure_reason=None)
    row = settle(switched(scene))
    assert (row.status, row.config_name, row.failure_reason) == (IN_SERVICE, "newer", None)


def test_a_variant_of_another_name_takes_over_the_spool(scene):
    scene.add_config("renamed", variant="Blue")
    scene.ask_for("renamed")
    scene.look()
    before, after = (EndpointSpec.model_validate(spec.model_dump()) for spec in scene.host.started)
    assert (before.variant, after.variant) == ("AllTraffic", "Blue")
    assert before.spool_folder == after.spool_folder


@pytest.mark.parametrize("looks", range(6))
def test_a_scheduler_killed_between_any_two_steps_leaves_an_update_that_goes_on(scene, looks):
    scene.host.ready_ones.add(2)
    for _ in range(looks):
        scene.look()
    scene.restart_scheduler()
    scene.look(times=3)
    assert settle(scene).status is IN_SERVICE
    assert (processes(scene), scene.host.living) == (([2], [], []), {2})


@pytest.mark.parametrize("looks", range(4))
def test_a_scheduler_killed_between_any_two_steps_leaves_a_failed_update_that_is_undone(scene, looks):
    scene.look()
    scene.host.living.discard(2)
    for _ in range(looks):
        scene.look()
    scene.restart_scheduler()
    assert scene.look(times=4).status is IN_SERVICE
    assert (processes(scene), scene.host.living) == (([1], [], []), {1})


def test_a_process_that_no_row_knows_is_ended_by_the_next_scheduler(scene):
    scene.look()
    scene.host.start(None, folder=None)
    scene.host.unknown = [{"pid": pid} for pid in (1, 2, 3)]
    scene.restart_scheduler()
    scene.look()
    assert (scene.host.stopped, scene.host.living) == ([3], {1, 2})


def test_a_process_that_cannot_be_noted_is_ended(scene, monkeypatch):
    table = scene.house.database.endpoints

    def conflict(_record):
        raise Conflict("somebody else was faster")

    monkeypatch.setattr(table, "save", conflict)
    scene.look()
    monkeypatch.undo()
    assert (processes(scene), scene.host.stopped) == (([1], [], []), [2])


def test_a_stop_of_the_whole_service_ends_both_and_the_next_start_goes_on(scene):
    scene.look()
    scene.endpoints.stop_all()
    assert scene.host.living == set()
    scene.restart_scheduler()
    scene.host.ready_ones |= {3, 4}
    scene.look(times=3)
    assert settle(scene).status is IN_SERVICE
    assert (scene.row.config_name, len(scene.host.living)) == ("new", 1)


def test_a_deleted_endpoint_takes_all_its_processes_along(scene):
    switched(scene)
    scene.ask_for(None)
    scene.house.database.endpoints.save(replace(scene.row, status=EndpointStatus.DELETING))
    assert scene.look(times=3) is None
    assert scene.host.living == set()
