"""Times every model of this kit on the machine that it runs on; needs onnxruntime and NumPy, no vitnas.

python measure.py --threads 1
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Sequence

import onnxruntime
from kit_timing import arguments, measure_all, noise  # type: ignore[import-not-found]


def loader(threads: int, provider: str) -> Callable[[str, Sequence[int]], Callable[[], object]]:
    """How a model becomes a function that runs it once."""

    def load(path: str, shape: Sequence[int]) -> Callable[[], object]:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(path, options, providers=[provider])
        feed = {session.get_inputs()[0].name: noise(shape)}
        return lambda: session.run(None, feed)

    return load


def processor() -> str:
    """The CPU's model name, as far as the system says it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def main() -> int:
    """Measure."""
    parser = arguments(__doc__, "results.csv")
    parser.add_argument("--threads", type=int, default=1, help="threads of a model [1]")
    parser.add_argument("--provider", default="CPUExecutionProvider", help="of ONNX Runtime [the CPU's]")
    given = parser.parse_args()
    if given.provider not in onnxruntime.get_available_providers():
        known = ", ".join(onnxruntime.get_available_providers())
        sys.exit(f"this ONNX Runtime has no provider {given.provider} (it has {known})")
    conditions = {
        "device": processor(),
        "runtime": f"ONNX Runtime {onnxruntime.__version__}",
        "os": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        "compute_units": given.provider.replace("ExecutionProvider", ""),
        "threads": given.threads,
    }
    failed: int = measure_all(loader(given.threads, given.provider), conditions, given.out, given.runs)
    return failed


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
