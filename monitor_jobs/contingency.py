"""Two samples of counts, cell by cell, as Pearson's test of homogeneity takes them.

What lives here: pooling rare cells, and the statistic. What does not: what the cells are, and what follows (the
monitors).
"""

from typing import Final

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.float64]

MINIMUM_EXPECTED: Final = 5.0  # Cochran (1954): below it the chi-square law is a poor guide


def well_filled(x: Counts, y: Counts) -> tuple[Counts, Counts]:
    """Both samples, most frequent cell first, rare cells pooled; a pool still rare joins the rarest other cell.

    Checked in tests/unit/test_class_skew_shift.py.
    """
    order = np.argsort(-(x + y), kind="stable")
    x, y = x[order], y[order]
    expected = (x + y) * min(x.sum(), y.sum()) / (x.sum() + y.sum())
    filled = int(np.count_nonzero(expected >= MINIMUM_EXPECTED))
    cells = filled + int(expected[filled:].sum() >= MINIMUM_EXPECTED)
    alone = max(cells - 1, 0)
    return np.append(x[:alone], x[alone:].sum()), np.append(y[:alone], y[alone:].sum())


def chi_square(x: Counts, y: Counts) -> float:
    """X2 = sum_k (x_k sqrt(m/n) - y_k sqrt(n/m))^2 / (x_k + y_k) with n, m the totals; no cell is empty in both.

    Pearson, Biometrika 8 (1911).
    """
    n, m = x.sum(), y.sum()
    return float(((x * np.sqrt(m / n) - y * np.sqrt(n / m)) ** 2 / (x + y)).sum())
