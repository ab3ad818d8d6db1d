"""A log of a million evaluations: seconds and memory to resume its run, and its size on the disk.

A search with a proxy (random, efficientformer on iphone12) is killed with SIGKILL when its log has a
million lines, and resumed in a fresh process. The networks alone are not built: workers answer at once. The
time is that from the start of the process to the first new evaluation: imports, cost table, every
line of the log read and checked, the state restored, what was in flight begun again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import _common as common

COUNT = 1_000_000
SCRIPT = Path(__file__).parent / "_million.py"


def add(parser: argparse.ArgumentParser) -> None:
    """Options."""
    parser.add_argument("--evaluations", type=int, default=COUNT, help="lines of the log")


def main() -> None:
    """Run the benchmark."""
    args = common.arguments(__doc__, add)
    count = 150_000 if args.quick else args.evaluations  # long enough for a checkpoint
    with tempfile.TemporaryDirectory() as root:
        folder = f"{root}/run"
        write = [sys.executable, str(SCRIPT), "write", folder, str(count)]
        wrote = common.seconds(lambda: subprocess.run(write, check=False, stderr=subprocess.DEVNULL))
        started = time.perf_counter()
        found = common.run_python(SCRIPT.read_text(), "resume", folder, cwd=str(SCRIPT.parent))
        resumed = time.perf_counter() - started
        size = (Path(folder) / "evaluations.jsonl").stat().st_size
        state = (Path(folder) / "screen.npz").stat().st_size
    report = common.Report("million_log", f"A log of {found['evaluations']:,.0f} evaluations")
    report.add("resumed, until the first new evaluation", resumed, "s", target="<= 20")
    report.add("  of it: processor time", found["cpu_s"], "s", beside="all", other=resumed)
    report.add("  of it: the log read and checked", found["log_s"], "s", beside="all", other=resumed)
    report.add("  of it: the state restored", found["state_s"], "s", beside="all", other=resumed)
    report.add("most memory of the resumed process", found["peak_mib"] / 1024, "GiB", target="<= 2")
    report.add("log on the disk", size / 1e6, "MB")
    report.add("  of it a line", size / found["evaluations"], "bytes")
    report.add("state on the disk", state / 1e6, "MB")
    report.add("evaluations written, told and logged", found["evaluations"] / wrote, "/s")
    report.notes.append(f"the state was of {found['trials']:,} trials; the rest came from the log")
    common.finish(report, args)


if __name__ == "__main__":
    main()
