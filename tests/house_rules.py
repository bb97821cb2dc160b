"""The measured habits of this code base: `python -m tests.house_rules` prints them and fails where one is broken.

Everything here reads the tree below a root, and nothing of it is imported.
"""

import argparse
import ast
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PRODUCT = ("monitor_jobs", "service")
MAX_FUNCTION_LINES, MAX_FILE_LINES = 50, 300
NAMELESS = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}


@dataclass(frozen=True)
class Figure:
    """One measured habit and whether it is kept."""

    name: str
    value: float
    goal: str
    kept: bool
    offenders: tuple[str, ...] = ()


@dataclass(frozen=True)
class Function:
    """One function of the product: where it is, how long, its parameters."""

    place: str
    lines: int
    arguments: tuple[ast.arg, ...]


def main() -> int:
    """The exit code: 1 where a habit is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path, nargs="?", default=ROOT, help="folder that holds the packages and tests")
    figures = measure(parser.parse_args().root)
    for figure in figures:
        print(f"{'ok ' if figure.kept else 'NOT'}  {figure.name:<42} {figure.value:8.2f}   goal {figure.goal}")
        for offender in () if figure.kept else figure.offenders:
            print(f"       {offender}")
    return 0 if all(figure.kept for figure in figures) else 1


def measure(root: Path) -> list[Figure]:
    """Every habit, measured now."""
    functions = [function for path in product_files(root) for function in functions_of(path, root)]
    return [
        *function_figures(functions),
        *file_figures(root),
        flag_figure(functions),
        name_figure(root),
        ratio_figure(root),
    ]


def product_files(root: Path) -> list[Path]:
    """The product's own modules; migrations are generated."""
    found = (path for package in PRODUCT for path in sorted((root / package).rglob("*.py")))
    return [path for path in found if "versions" not in path.parts]


def functions_of(path: Path, root: Path) -> Iterator[Function]:
    """Every function and method of a module."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            end = node.end_lineno or node.lineno
            arguments = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
            place = f"{path.relative_to(root)}:{node.lineno} {node.name}"
            yield Function(place, end - node.lineno + 1, arguments)


def function_figures(functions: list[Function]) -> list[Figure]:
    """Lengths of functions, their docstrings included."""
    lengths = [function.lines for function in functions]
    long = [f"{one.place}: {one.lines} lines" for one in functions if one.lines > MAX_FUNCTION_LINES]
    median, ninetieth = statistics.median(lengths), statistics.quantiles(lengths, n=10)[-1]
    return [
        Figure("function lines, median", median, "<= 8", median <= 8),
        Figure("function lines, 90th percentile", ninetieth, "<= 30", ninetieth <= 30),
        Figure("functions over 50 lines", len(long), "0", not long, tuple(long)),
    ]


def file_figures(root: Path) -> list[Figure]:
    """Lengths of files."""
    lengths = {path: len(path.read_text().splitlines()) for path in product_files(root)}
    long = [f"{path.relative_to(root)}: {lines} lines" for path, lines in lengths.items() if lines > MAX_FILE_LINES]
    share = 1 - len(long) / len(lengths)
    return [Figure("files of at most 300 lines, share", share, ">= 0.90", share >= 0.9, tuple(long))]


def flag_figure(functions: list[Function]) -> Figure:
    """Parameters annotated bool, which make two behaviours share one name; command-line options excepted."""
    flags = [
        f"{function.place}({argument.arg})"
        for function in functions
        if not function.place.startswith("service/cli/")
        for argument in function.arguments
        if _is_flag(argument.annotation)
    ]
    return Figure("boolean flag parameters", len(flags), "0", not flags, tuple(flags))


def name_figure(root: Path) -> Figure:
    """Modules that are named for nothing in particular."""
    modules = [path.relative_to(root) for path in product_files(root)]
    nameless = [str(module) for module in modules if NAMELESS & {module.stem, *module.parts}]
    return Figure("modules without a name of their own", len(nameless), "0", not nameless, tuple(nameless))


def ratio_figure(root: Path) -> Figure:
    """Lines of tests per line of code."""
    tests = [path for path in (root / "tests").rglob("*.py") if "benchmarks" not in path.parts]
    ratio = _lines(tests) / _lines(product_files(root))
    return Figure("lines of tests per line of code", ratio, "1.0 to 1.5", 1.0 <= ratio <= 1.5)


def _is_flag(annotation: ast.expr | None) -> bool:
    # `bool`, `bool | None` and "bool" alike; list[bool] and Callable[[], bool] are data
    if isinstance(annotation, ast.BinOp):
        return _is_flag(annotation.left) or _is_flag(annotation.right)
    return annotation is not None and ast.unparse(annotation).strip("'\"") in ("bool", "bool | None")


def _lines(paths: list[Path]) -> int:
    return sum(len(path.read_text().splitlines()) for path in paths)


if __name__ == "__main__":
    sys.exit(main())
