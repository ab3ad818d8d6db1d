"""Times every model of this kit on the Mac that it runs on; needs coremltools and NumPy, no vitnas.

python measure_mac.py --compute-units ALL

A Mac is not a phone: its results make a profile of the Mac.
"""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Callable, Sequence

import coremltools
from kit_timing import arguments, measure_all, noise  # type: ignore[import-not-found]


def loader(units: str) -> Callable[[str, Sequence[int]], Callable[[], object]]:
    """How a model becomes a function that runs it once."""

    def load(path: str, shape: Sequence[int]) -> Callable[[], object]:
        model = coremltools.models.MLModel(path, compute_units=coremltools.ComputeUnit[units])
        feed = {"x": noise(shape)}
        return lambda: model.predict(feed)

    return load


def processor() -> str:
    """Such as Apple M1."""
    asked = ["sysctl", "-n", "machdep.cpu.brand_string"]
    return subprocess.run(asked, stdout=subprocess.PIPE, check=True).stdout.decode().strip()


def main() -> int:
    """Measure."""
    if platform.system() != "Darwin":
        sys.exit("Core ML runs models on macOS only; README.md says how to measure a phone")
    parser = arguments(__doc__, "results_mac.csv")
    units = [unit.name for unit in coremltools.ComputeUnit]
    parser.add_argument("--compute-units", choices=units, default="ALL", help="that may be used [ALL]")
    given = parser.parse_args()
    conditions = {
        "device": processor(),
        "runtime": f"Core ML, through coremltools {coremltools.__version__}",
        "os": f"macOS {platform.mac_ver()[0]}",
        "compute_units": given.compute_units,
    }
    failed: int = measure_all(loader(given.compute_units), conditions, given.out, given.runs)
    return failed


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
