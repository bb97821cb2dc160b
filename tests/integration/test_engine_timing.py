"""How long programs are timed before one is chosen: not longer than it takes to see."""

import torch
from torch import Tensor, nn

from service.endpoint.engines.timing import CALLS, SIZES, TURNS, is_clear, per_row, taken_in_turn


class Multiplying(nn.Module):
    """Multiplies a matrix as often as its next number says, over and over the same numbers."""

    def __init__(self, *times: int) -> None:
        super().__init__()
        self.times = times
        self.calls = 0
        self.matrix = torch.eye(256)

    def forward(self, given: Tensor) -> Tensor:
        for _ in range(self.times[self.calls % len(self.times)]):
            given = given @ self.matrix
        self.calls += 1
        return given


def drawn(size: int) -> Tensor:
    return torch.ones(size, 256)


def test_one_turn_shows_a_program_that_is_much_faster() -> None:
    taken = taken_in_turn({"slow": Multiplying(400), "fast": Multiplying(1)}, drawn)
    assert min(taken, key=lambda name: per_row(taken[name])) == "fast"
    assert {len(calls) for by_size in taken.values() for calls in by_size.values()} == {CALLS}


def test_programs_that_are_faster_by_turns_are_timed_again() -> None:
    taken = taken_in_turn({"one": Multiplying(1, 100), "other": Multiplying(100, 1)}, drawn)
    assert {len(calls) for by_size in taken.values() for calls in by_size.values()} == {CALLS * TURNS}


def test_a_program_alone_has_one_turn() -> None:
    assert {len(calls) for calls in taken_in_turn({"only": Multiplying(1)}, drawn)["only"].values()} == {CALLS}


def test_it_is_clear_where_each_call_of_one_took_less_at_every_size() -> None:
    fast, slow = {1: [1.0, 2.0], 8: [3.0, 4.0]}, {1: [2.1, 9.0], 8: [4.1, 9.0]}
    assert is_clear([fast, slow])
    assert is_clear([slow, fast])
    assert not is_clear([fast, {1: [1.9, 9.0], 8: [4.1, 9.0]}])
    assert not is_clear([fast, {1: [2.1, 9.0], 8: [3.9, 9.0]}])
    assert not is_clear([fast, slow, fast])


def test_one_slow_call_does_not_make_a_program_slow() -> None:
    assert per_row({1: [1.0, 1.0, 50.0], 8: [8.0, 8.0, 8.0]}) == 2.0


def test_the_sizes_are_those_of_one_caller_and_of_several() -> None:
    assert SIZES == (1, 8)
