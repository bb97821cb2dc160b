"""Whether a step is kept.

What lives here: reasons, as pure functions of numbers. What does not: steps in turn (contract.debug_hook).
"""

import re
from collections.abc import Sequence

from monitor_jobs.contract.debug_hook import HookParameters
from monitor_jobs.contract.model_package import ModelCard


def is_wanted(
    parameters: HookParameters,
    card: ModelCard,
    *,
    targets: Sequence[int],
    confidences: Sequence[float],
    inference_id: str | None,
) -> bool:
    """Whether any reason that was given holds for the request; without a reason every request is wanted.

    `targets` and `confidences` are those of its inputs; a confidence that is no number is below any. Checked in
    tests/unit/test_tensor_selection.py.
    """
    reasons: list[bool] = []
    if parameters.classes:
        named = {name for target in targets for name in (str(target), card.class_name(target))}
        reasons.append(bool(named & parameters.classes))
    if (limit := parameters.below_confidence) is not None:
        reasons.append(any(not confidence >= limit for confidence in confidences))
    if parameters.inference_ids is not None:
        reasons.append(inference_id is not None and re.search(parameters.inference_ids, inference_id) is not None)
    return not reasons or any(reasons)
