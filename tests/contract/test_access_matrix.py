"""Every operation and route, by every role, on an endpoint of one's own, a foreign one, and none: who may."""

from collections.abc import Iterator
from itertools import groupby

import pytest

from service.control.access.rules import RULES, Open
from tests.access.asking import asked
from tests.access.cells import OWN_CODE, ROLES, UNNAMED, Cell, Reach, Whose, cells
from tests.access.house import House, house, is_denied, operations
from tests.aws_clients import Signed
from tests.documentation import served

BY_OPERATION = {name: list(found) for name, found in groupby(cells(operations()), key=lambda cell: cell.operation)}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("house")) as furnished:
        yield furnished


@pytest.mark.parametrize("operation", sorted(BY_OPERATION))
def test_a_cell_is_allowed_or_denied_as_it_should(built, operation):
    wrong = [cell for cell in BY_OPERATION[operation] if is_denied(built.answers(cell)) == cell.is_allowed]
    assert wrong == []


@pytest.mark.parametrize("operation", sorted(operations()))
def test_without_a_key_or_with_a_wrong_secret_nothing_is_answered(built, operation):
    request, known = asked(operation, Whose.OWN), built.callers["admin", Reach.ALL]
    for caller in (None, Signed("SXTNOBODYSKEY0000000", "secret"), Signed(known.key_id, "not its secret")):
        answer = built.ask(request, caller)
        assert answer.status_code in (401, 403) or answer.headers.get("location", "").startswith("/login"), answer.text


@pytest.mark.parametrize("operation", sorted(operations()))
def test_a_user_without_grants_may_nothing_but_ask_who_that_is(built, operation):
    answer = built.ask(asked(operation, Whose.OWN), built.nobody)
    assert is_denied(answer) == (operation not in UNNAMED)


def test_what_is_foreign_and_what_is_not_there_are_told_in_the_same_words(built):
    def told(operation, whose):
        answer = built.answers(Cell(operation, "deployer", Reach.OWN, whose))
        # Without its request id, and without the name that was sent.
        return answer.text.partition("RequestId")[0].replace(whose, "X").replace("-2", "-3")

    pairs = {name: (told(name, Whose.FOREIGN), told(name, Whose.NOBODYS)) for name in operations()}
    denied = {name: pair for name, pair in pairs.items() if "is not authorized to perform" in pair[0]}
    assert len(denied) > len(pairs) / 2
    assert {name: pair for name, pair in denied.items() if len(set(pair)) > 1} == {}


def test_every_operation_that_is_served_and_every_route_has_a_line_and_no_line_is_idle(built):
    named = {f"{service.removesuffix('-runtime')}:{name}" for service, name in served()}
    assert named == {name for name in RULES if ":" in name}


def test_a_line_that_lets_everybody_in_is_one_of_six():
    free = {name for name, rule in RULES.items() if rule.action is Open.TO_ANYBODY}
    login = {"GET /login", "POST /login", "GET /assets/{file}"}
    assert free == {*login, "GET /ping", "POST /service/{service}/operation/{operation}", "any other path"}


def test_cells_are_as_many_as_operations_roles_reaches_and_owners():
    assert sum(map(len, BY_OPERATION.values())) == len(operations()) * len(ROLES) * len(Reach) * len(Whose)


def test_code_of_ones_own_is_asked_for_in_the_requests_that_say_so():
    for operation in operations():
        assert (b"registry.example/mine" in asked(operation, Whose.OWN).body) == operation.endswith(OWN_CODE)
