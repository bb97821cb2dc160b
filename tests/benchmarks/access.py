"""Who may do what, tried: changed signatures, every role at every operation, hostile packages, and what leaks.

`python -m tests.benchmarks.access [--quick] [--json] [--only NAME ...]`. What lives here: the campaigns' names. What
does not: the campaigns (tests.benchmarks.access_campaigns).
"""

from tests.benchmarks.access_campaigns import canaries, limits, matrix, packages, pii, signatures
from tests.benchmarks.campaigns import Campaign, run_campaigns

CAMPAIGNS: dict[str, Campaign] = {
    "packages": packages.measured,
    "signatures": signatures.measured,
    "limits": limits.measured,
    "matrix": matrix.measured,
    "canaries": canaries.measured,
    "pii": pii.measured,
}


if __name__ == "__main__":
    run_campaigns("access", __doc__, CAMPAIGNS)
