"""Both halves of a record to named rows: outputs first, as AWS orders them.

Values without a name are called as the baseline's columns where a row has as many, and else `_c0`, `_c1`, ... by their
position in the whole row. An input that is called as an output has `input.` before it.

What lives here: names, matching inputs with outputs, and scores. What does not: what a body says (halves).
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any

import numpy as np

from monitor_jobs.capture_io.scores import Scores, best_of
from monitor_jobs.contract.capture import UnreadableReason
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.feature_table.captures.halves import DecodeBytes, Row, Rows, UnreadableHalf, rows_of_half
from monitor_jobs.feature_table.captures.lines import Halves
from monitor_jobs.feature_table.names import name_at
from monitor_jobs.feature_table.values import number_of_cell

NamedRow = Mapping[str, object]
NOTHING = Rows([[]])


def rows_of_record(
    halves: Halves, *, names: Sequence[str], card: ModelCard, decode: DecodeBytes | None
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


def _matched(outputs: Sequence[Row], inputs: Sequence[Row]) -> Iterator[tuple[Row, Row]]:
    if len(outputs) == len(inputs):
        return zip(outputs, inputs, strict=True)
    if len(outputs) > 1:
        raise UnreadableHalf(UnreadableReason.ROWS_DIFFER)
    (answer,) = outputs
    if len(answer) == len(inputs) and all(name is None for name, _ in answer):
        return zip([[cell] for cell in answer], inputs, strict=True)
    return zip(repeat(answer, len(inputs)), inputs, strict=True)


def _named(outputs: Row, inputs: Row, names: Sequence[str]) -> NamedRow:
    expected = len(outputs) + len(inputs) == len(names)
    row: dict[str, object] = {}
    for position, (name, value) in enumerate(outputs):
        row[name or (names[position] if expected else name_at(position))] = value
    for position, (name, value) in enumerate(inputs, len(outputs)):
        called = name or (names[position] if expected else name_at(position))
        row[f"input.{called}" if called in row else called] = value
    return row


def _predicted(row: Row, card: ModelCard) -> Row:
    """An answer without names as a class, and how sure it is; a lone fraction, and what has names, is left as it is."""
    values = [number_of_cell(value) for name, value in row if name is None]
    kinds = set(map(type, values))
    if not values or len(values) < len(row):
        return row
    if len(values) == 1 and kinds != {float}:
        return [("predicted_class", _class_name(values[0], card))]
    if len(values) == 1 or not kinds <= {int, float}:
        return row
    (number,), (confidence,) = best_of(_scores(values))
    return [("predicted_class", card.class_name(int(number))), ("confidence", float(confidence))]


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
