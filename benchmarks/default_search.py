"""The default search on two cores: seconds to the first front and in all, with and without a cached table.

    vitnas search --space efficientformer --target iphone12 --max-latency 1.6ms --max-params 13M --workers 2

Each run is a fresh process. The times inside one come from a listener in place of the command's view: a
front counts as shown when the first snapshot arrives, from which the view draws it. The last row is the
command itself, as typed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from typing import Any

import _common as common

OPTIONS = ["--space", "efficientformer", "--target", "iphone12", "--max-latency", "1.6ms"]
OPTIONS += ["--max-params", "13M", "--workers", "2"]
CHILD = """
import json, sys, time
started = float(sys.argv[1])
from vitnas.run.search import run_search
from vitnas.searching.config import SearchConfig
class Watch:
    def __init__(self):
        self.stages, self.first, self.last = [], None, None
    def stage(self, name, detail=""):
        self.stages.append([name, time.time() - started])
    def count(self, done, total=None):
        pass
    def snapshot(self, snapshot):
        if self.first is None and len(snapshot.front):
            self.first = time.time() - started
        self.last = snapshot
    def warn(self, text):
        print(text, file=sys.stderr)
budgets = (("max-latency", "1.6ms"), ("max-params", "13M"))
trials = int(sys.argv[2]) or None
config = SearchConfig("efficientformer", "iphone12", budgets=budgets, trials=trials, front=int(sys.argv[3]))
watch = Watch()
if __name__ == "__main__":
    result = run_search(config, workers=2, listener=watch)
    found = {"first_s": watch.first, "whole_s": time.time() - started, "stages": watch.stages}
    found |= {"rate": watch.last.rate, "trials": result.trials, "front": result.front_size}
    found |= {"hypervolume": result.hypervolume, "random_hypervolume": result.random_hypervolume}
    print(json.dumps(found | {"checked": len(result.front)}))
"""


def watched(cache: str, args: Any) -> dict[str, Any]:
    """One run with a listener."""
    few = ("100000", "2") if args.quick else ("0", "20")
    with tempfile.TemporaryDirectory() as folder:
        found: dict[str, Any] = common.run_python(CHILD, str(time.time()), *few, cache=cache, cwd=folder)
    ends = [*(start for _, start in found["stages"][1:]), found["whole_s"]]
    found["seconds_of_stage"] = {
        name: end - start for (name, start), end in zip(found["stages"], ends, strict=True)
    }
    return found


def command_s(cache: str, args: Any) -> float:
    """Seconds of the command itself."""
    few = ["--trials", "100k", "--front", "2"] if args.quick else []
    command = [sys.executable, "-m", "vitnas", "search", *OPTIONS, *few]
    environment = {name: value for name, value in os.environ.items() if name not in common.THREADS}
    with tempfile.TemporaryDirectory() as folder:
        return common.seconds(
            lambda: subprocess.run(
                command,
                cwd=folder,
                env=environment | {"VITNAS_CACHE": cache},
                check=True,
                capture_output=True,
            )
        )


def main() -> None:
    """Run the benchmark."""
    args = common.arguments(__doc__)
    report = common.Report("default_search", "The default search, 2 workers")
    with tempfile.TemporaryDirectory() as cache:
        runs = {"table not cached": watched(cache, args), "table cached": watched(cache, args)}
        whole_s = command_s(cache, args)
    for (label, run), limit in zip(runs.items(), (30, 10), strict=True):
        report.add(f"{label}: first front", run["first_s"], "s", target=f"<= {limit}")
        report.add(f"{label}: whole run", run["whole_s"], "s", target="<= 120")
        for name, spent in run["seconds_of_stage"].items():
            report.add(f"  {name}", spent, "s")
    report.add("the command itself, table cached: whole run", whole_s, "s", target="<= 120")
    warm = runs["table cached"]
    both = 2 * warm["rate"]
    report.add("candidates priced and ranked, both arms", both, "/s", target=">= 200000")
    report.add(
        "hypervolume of the front", warm["hypervolume"],
        beside="random search, as many trials", other=warm["random_hypervolume"],
    )  # fmt: skip
    report.notes.append(
        f"{warm['trials']:,} trials, front of {warm['front']:,}, {warm['checked']} networks checked"
    )
    report.notes.append("half of the candidates are those of random search, which runs beside the strategy")
    report.details = runs
    common.finish(report, args)


if __name__ == "__main__":
    main()
