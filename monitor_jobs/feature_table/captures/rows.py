"""Both halves of a record to named rows: outputs first, as AWS orders them.

Values without a name are called as the baseline's columns where a row has as many, and else `_c0`, `_c1`, ... by their
position in the whole row. An input that is called as an output has `input.` before it.

What lives here: names, matching inputs with outputs, and scores. What does not: what a body says (halves).
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from typing import Any

import numpy as np

from monitor_jobs.capture_io.scores import Scores, best_of
from monitor_jobs.contract.capture import UnreadableReason
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.feature_table.captures.halves import DecodeBytes, Row, Rows, UnreadableHalf, rows_of_half
from monitor_jobs.feature_table.captures.lines import Halves
from monitor_jobs.feature_table.names import name_at, unique_names
from monitor_jobs.feature_table.values import number_of_cell

NamedRow = Mapping[str, object]
NOTHING = Rows([Row((), ())])


def rows_of_record(
    halves: Halves, *, names: tuple[str, ...], card: ModelCard, decode: DecodeBytes | None
) -> list[NamedRow]:
    """The rows of one record, at least one; a half that was not captured adds nothing to them.

    Where one row was answered to several, each gets it; where one row of as many values was answered as rows were
    asked, each gets its value. Scores that were answered to what is no table become `predicted_class`, by the card, and
    `confidence`. Raises UnreadableHalf: ROWS_DIFFER where inputs and outputs cannot be matched, NAN where such a score
    is NaN or infinite, else as halves.rows_of_half.
    """
    inputs = rows_of_half(halves.endpoint_input, "input", decode) if halves.endpoint_input else NOTHING
    outputs = rows_of_half(halves.endpoint_output, "output", decode) if halves.endpoint_output else NOTHING
    answered = [_predicted(row, card) for row in outputs.rows] if inputs.measured else outputs.rows
    return [_named(output, given, names) for output, given in _matched(answered, inputs.rows)]


@lru_cache(maxsize=256)  # callers send few shapes, and naming one takes longer than all the rest of a row
def names_of_row(
    outputs: tuple[str | None, ...], inputs: tuple[str | None, ...], names: tuple[str, ...]
) -> tuple[str, ...]:
    """What the values of a row are called that have these names, or None; `names` are the baseline's."""
    width = len(outputs) + len(inputs)
    by_position = names if len(names) == width else tuple(map(name_at, range(width)))
    called = [name or place for name, place in zip((*outputs, *inputs), by_position, strict=True)]
    answered, asked = called[: len(outputs)], called[len(outputs) :]
    return unique_names((*answered, *(f"input.{name}" if name in answered else name for name in asked)))


def _matched(outputs: Sequence[Row], inputs: Sequence[Row]) -> Iterator[tuple[Row, Row]]:
    if len(outputs) == len(inputs):
        return zip(outputs, inputs, strict=True)
    if len(outputs) > 1:
        raise UnreadableHalf(UnreadableReason.ROWS_DIFFER)
    (answer,) = outputs
    if len(answer.values) == len(inputs) and not any(answer.names):
        return zip([Row((None,), [value]) for value in answer.values], inputs, strict=True)
    return zip(repeat(answer, len(inputs)), inputs, strict=True)


def _named(outputs: Row, inputs: Row, names: tuple[str, ...]) -> NamedRow:
    called = names_of_row(outputs.names, inputs.names, names)
    return dict(zip(called, (*outputs.values, *inputs.values), strict=True))


def _predicted(row: Row, card: ModelCard) -> Row:
    """An answer without names as a class, and how sure it is; a lone fraction, and what has names, is left as it is."""
    values = [number_of_cell(value) for value in row.values]
    kinds = set(map(type, values))
    if not values or any(row.names):
        return row
    if len(values) == 1 and kinds != {float}:
        return Row(("predicted_class",), [_class_name(values[0], card)])
    if len(values) == 1 or not kinds <= {int, float}:
        return row
    (number,), (confidence,) = best_of(_scores(values))
    return Row(("predicted_class", "confidence"), [card.class_name(int(number)), float(confidence)])


def _class_name(value: object, card: ModelCard) -> object:
    return card.class_name(value) if isinstance(value, int) else value


def _scores(values: list[Any]) -> Scores:
    try:
        scores = np.array([values], dtype=np.float64)
    except OverflowError as error:  # an integer beyond all floats
        raise UnreadableHalf(UnreadableReason.NAN) from error
    if not np.isfinite(scores).all():
        raise UnreadableHalf(UnreadableReason.NAN)
    return scores
