"""Keeps the libraries of engines from reporting their use to their makers.

What lives here: how each of them is told. What does not: importing them (openvino, onnxruntime), which a model's
package may do before us.
"""

import os
import sys


def report_to_nobody() -> None:
    """Tell them before anybody imports them: what has begun to report does not end by it.

    OpenVINO's converter reports by a package of its own, which is hidden from it. ONNX Runtime can by itself, on Linux
    since 1.29, and leaves a number for the machine in ~/.cache. Checked in tests/integration/test_engine_reports.py.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
