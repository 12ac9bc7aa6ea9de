import subprocess
import sys

from joblynk.testing.sites import ROOT

LOAD = "import joblynk, onnxruntime"


def test_the_runtime_of_the_models_reports_to_nobody() -> None:
    """It says so by itself when it cannot keep the id that it would report with."""
    nowhere = {"HOME": "/proc", "XDG_CACHE_HOME": "/proc", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", LOAD], env=nowhere, capture_output=True, text=True, check=True
    )
    assert "telemetry" not in done.stderr
