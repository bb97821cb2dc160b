"""What a value's text says: a whole number, a fraction, a text, or nothing. One grammar for every format.

A whole number is `[+-]?[0-9]{1,308}`; a fraction has a point or an exponent, or is infinity; case does not count. What
is empty or NaN is missing. Everything else is a text: `null`, `true`, `0x1F`, `1,5`. Blanks around a value do not
count.

What lives here: texts and Python values to columns, and numbers within columns of texts. What does not: files. That a
value means the same whatever its neighbours are is proved in tests/unit/test_feature_table_values.py.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

INTEGRAL: Final = r"^[+-]?[0-9]{1,308}$"  # a longer one is beyond all floats
FRACTIONAL: Final = r"^[+-]?(([0-9]+\.[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|[0-9]+e[+-]?[0-9]+|inf(inity)?)$"
NOT_A_NUMBER: Final = r"^[+-]?nan$"
BLANKS: Final = " \t\r\n"
LONGEST_INTEGRAL: Final = 308
PROBED_ROWS: Final = 4  # a conversion that fails takes twenty times as long as one that works
ZERO, MINUS = b"0-"

_FLOAT: Final = re.compile(f"{FRACTIONAL}|{NOT_A_NUMBER}", re.IGNORECASE)

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of int64, float64 or string, null where missing; how many values of a float64 column are whole numbers.

    int64: every present value is a whole number as Python writes it. float64: at least one is a fraction. string: all
    else; each value is its text, so that `007` stays it.
    """

    values: pa.Array
    integral: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class NumbersInTexts:
    """Of n texts: which are whole numbers, which are fractions (bool [n]), and float64 [n], NaN where neither."""

    integral: Mask
    fractional: Mask
    numbers: npt.NDArray[np.float64]


def column_of_texts(texts: pa.StringArray) -> Column:
    """The column that these texts are; a null is missing."""
    texts = _without_nan(_without_blanks(texts))
    if texts.null_count == len(texts):
        return Column(texts)
    integers = _integers(texts)
    if integers is not None:
        return Column(integers)
    return _fractions(texts) or Column(texts)


def column_of_integers(numbers: pa.Int64Array) -> Column:
    """The column that these numbers are."""
    return Column(numbers if numbers.null_count < len(numbers) else _nothing(len(numbers)))


def column_of_floats(numbers: pa.DoubleArray) -> Column:
    """The column that these numbers, none of them written as a whole number, are."""
    numbers = pc.if_else(pc.is_nan(numbers), None, numbers)
    return Column(numbers if numbers.null_count < len(numbers) else _nothing(len(numbers)))


def column_of_cells(cells: Sequence[object]) -> Column:
    """The column of values as JSON has them: None, bool, int, float and str."""
    kinds = set(map(type, cells)) - {type(None)}
    try:
        if kinds <= {int}:
            return column_of_integers(pa.array(cells, pa.int64()))
        if kinds == {float}:
            return column_of_floats(_floats(cells))
        if kinds == {int, float}:
            return _of_numbers(cells)
        if kinds == {str}:
            return column_of_texts(pa.array(cells, pa.string()))
    except (OverflowError, UnicodeEncodeError):
        pass  # an integer beyond 64 bits; half a character
    return column_of_texts(pa.array([None if cell is None else _text_of(cell) for cell in cells], pa.string()))


def columns_of_rows(rows: Sequence[Mapping[str, object]]) -> tuple[dict[str, pa.Array], dict[str, int]]:
    """Rows of cells as columns in the order in which names turn up, null where a row lacks one, and `integral`."""
    shapes = dict.fromkeys(map(tuple, rows))
    names = dict.fromkeys(name for shape in shapes for name in shape)
    alike = zip(*map(_cells, rows), strict=True) if len(shapes) == 1 else None
    cells = alike or ([row.get(name) for row in rows] for name in names)
    return columns_by_name(dict(zip(names, map(column_of_cells, cells), strict=True)))


def columns_by_name(typed: Mapping[str, Column]) -> tuple[dict[str, pa.Array], dict[str, int]]:
    """What FeatureTable has as `columns` and `integral`."""
    integral = {name: column.integral for name, column in typed.items() if column.integral}
    return {name: column.values for name, column in typed.items()}, integral


def number_of_cell(cell: object) -> object:
    """A text that is a number as int or float, NaN included; any other cell as it is."""
    text = cell.strip(BLANKS) if isinstance(cell, str) else ""
    if re.search(INTEGRAL, text, re.ASCII):
        return int(text)
    return float(text) if _FLOAT.search(text) else cell


def numbers_in(texts: pa.StringArray) -> NumbersInTexts:
    """The numbers among texts of a string column; a null is none."""
    integral, fractional = _matches(texts, INTEGRAL), _matches(texts, FRACTIONAL)
    numeric = integral | fractional
    numbers = np.full(len(texts), np.nan)
    numbers[numeric] = texts.filter(pa.array(numeric)).cast(pa.float64()).to_numpy()
    return NumbersInTexts(integral, fractional, numbers)


def text_of_bytes(values: pa.BinaryArray) -> pa.StringArray:
    """Bytes as texts; what is no UTF-8 becomes U+FFFD."""
    try:
        return values.cast(pa.string())
    except pa.ArrowInvalid:
        texts = (None if value is None else value.decode(errors="replace") for value in values.to_pylist())
        return pa.array(texts, pa.string())


def _matches(texts: pa.StringArray, pattern: str) -> Mask:
    found: Mask = pc.fill_null(pc.match_substring_regex(texts, pattern, ignore_case=True), fill_value=False).to_numpy(
        zero_copy_only=False
    )
    return found


def _text_of(cell: object) -> str:
    if isinstance(cell, str):
        return cell.encode(errors="surrogatepass").decode(errors="replace")
    if isinstance(cell, bool):
        return str(cell).lower()
    return str(cell)


def _without_blanks(texts: pa.StringArray) -> pa.StringArray:
    data = _text_bytes(texts)
    if any(blank in data for blank in BLANKS.encode()):
        texts = pc.ascii_trim(texts, characters=BLANKS)
    lengths = pc.binary_length(texts)
    return texts if pc.min(lengths).as_py() else pc.if_else(pc.greater(lengths, 0), texts, None)


def _integers(texts: pa.StringArray) -> pa.Int64Array | None:
    """The column as int64, None where any text is not the shortest one of its number."""
    return _cast(texts, pa.int64()) if _plain(texts) else None


def _plain(texts: pa.StringArray) -> bool:
    """True where no text begins with a zero and goes on: not `0` itself, but `007`, `-0`, `0x1F`, `0.5`."""
    bounds = _bounds(texts)
    starts, lengths = bounds[:-1], np.diff(bounds)
    data = np.frombuffer(_text_bytes(texts) + b"  ", np.uint8)
    first, second = data[starts], data[starts + 1]
    return not (((first == ZERO) & (lengths > 1)) | ((first == MINUS) & (second == ZERO))).any()


def _fractions(texts: pa.StringArray) -> Column | None:
    """The column as float64, None where any text is no number, or all are whole."""
    data = _text_bytes(texts)
    if b"(" in data or pc.max(pc.binary_length(texts)).as_py() > LONGEST_INTEGRAL:
        return None  # what the conversion takes for a number, such as nan(1), and the grammar does not
    numbers = _cast(texts, pa.float64())
    if numbers is None:
        return None
    present = len(texts) - texts.null_count
    # A number has one point at most: where there are as many points as numbers, none is integral.
    integral = 0 if data.count(b".") == present else int(np.count_nonzero(_matches(texts, INTEGRAL)))
    return Column(numbers, integral) if integral < present else None


def _cast(texts: pa.StringArray, kind: pa.DataType) -> pa.Array | None:
    try:
        texts[:PROBED_ROWS].cast(kind)
        return texts.cast(kind)
    except pa.ArrowInvalid:
        return None


def _of_numbers(cells: Sequence[object]) -> Column:
    """The column of int, float and None; raises OverflowError where an integer has more than 64 bits."""
    integers = pa.array([cell for cell in cells if type(cell) is int], pa.int64())
    floats = column_of_floats(_floats(cells))
    present = len(floats.values) - floats.values.null_count
    if present > len(integers):
        return Column(floats.values, len(integers))
    return column_of_integers(pa.array([cell if type(cell) is int else None for cell in cells], pa.int64()))


def _floats(cells: Sequence[object]) -> pa.DoubleArray:
    return pa.array(np.array(cells, dtype=np.float64))  # by way of numpy, None as NaN: three times as fast


def _nothing(rows: int) -> pa.StringArray:
    return pa.nulls(rows, pa.string())


def _cells(row: Mapping[str, object]) -> Iterable[object]:
    return row.values()


def _without_nan(texts: pa.StringArray) -> pa.StringArray:
    data = _text_bytes(texts)
    if b"n" not in data and b"N" not in data:
        return texts
    lengths = np.diff(_bounds(texts))
    missing = (lengths == 3) | (lengths == 4)  # with a sign
    missing[missing] = _matches(texts.filter(pa.array(missing)), NOT_A_NUMBER)
    return pc.if_else(pa.array(missing), None, texts) if missing.any() else texts


def _bounds(texts: pa.StringArray) -> npt.NDArray[np.int64]:
    """Where each text begins in `_text_bytes`, and where the last one ends: int [n + 1]."""
    bounds = _offsets(texts)
    relative: npt.NDArray[np.int64] = (bounds - bounds[0]).astype(np.int64)
    return relative


def _text_bytes(texts: pa.StringArray) -> bytes:
    """All texts behind one another."""
    offsets, data = _offsets(texts), texts.buffers()[2]
    return bytes(memoryview(data)[offsets[0] : offsets[-1]]) if data is not None else b""


def _offsets(texts: pa.StringArray) -> npt.NDArray[np.int32]:
    if not len(texts):
        return np.zeros(1, np.int32)
    offsets: npt.NDArray[np.int32] = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset :][: len(texts) + 1]
    return offsets
