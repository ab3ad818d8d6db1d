"""Small searches that are killed at a random moment and resumed: is anything lost?

Each of 100 runs (`--runs N`) loses its driver, a worker or a node of a local Ray cluster by SIGKILL at a
moment that the seed draws. Deaths of the driver are spread over the stages of a run: start, sample, search,
finish; after one the same command with `--resume` goes on. A run whose worker or node died has to go on by
itself. Its files and log are then held against those of the same command, undisturbed, with one process:

- front: `front.json` and `whole_front.json`, byte for byte;
- lost: evaluations that are not in the log, among them any that was there when the driver died;
- doubled: evaluations that are in the log twice; foreign: that the undisturbed run did not make;
- other: evaluations with another value;
- orphans: workers that outlived their driver.

Half of the runs use processes, the other half Ray; strategies and kinds of quality take turns, and so does
the number of workers. The space is tiny, at 32 pixels, and the proxies are files given by path. A second call
with the same `--work` goes on where the first was stopped (`--fresh` begins again).

    python benchmarks/chaos.py [--runs N] [--only processes|ray] [--work FOLDER] [--json FILE] [--quick]
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import _common as common
from _chaos_case import STAGES, Case, plan
from _chaos_run import Bench

RUNS, QUICK_RUNS = 100, 5
KINDS = ("driver, processes", "worker, processes", "driver, ray", "worker, ray", "node, ray")
COUNTS = ("lost", "doubled", "foreign", "other", "orphans")
Found = dict[str, Any]


def main() -> None:
    """Run the benchmark."""
    args = common.arguments(__doc__, options)
    runs = args.runs or (QUICK_RUNS if args.quick else RUNS)
    work = args.work or Path(tempfile.gettempdir()) / f"vitnas-chaos-{args.seed}-{args.only or 'all'}"
    if args.fresh or (args.quick and not args.work):
        shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True, exist_ok=True)
    cases = plan(runs, args.seed, args.only)
    done = results(work / "results.jsonl", cases)
    if done:
        print(f"{len(done)} of {runs} runs are done already, see {work}")
    with Bench(work) as bench, (work / "results.jsonl").open("a", encoding="utf-8") as file:
        for case in cases:
            if case.number not in done:
                done[case.number] = {"case": case.to_dict(), **bench.run(case)}
                file.write(json.dumps(done[case.number]) + "\n")
                file.flush()
                print(line(case, done[case.number]), flush=True)
    found = [done[case.number] for case in cases]
    common.print_table(table(found))
    common.finish(report(found), args)


def options(parser: argparse.ArgumentParser) -> None:
    """Beside those that all benchmarks have."""
    parser.add_argument("--runs", type=int, help=f"how many [default: {RUNS}]")
    parser.add_argument("--seed", type=int, default=0, help="of the moments [default: 0]")
    parser.add_argument("--only", choices=("processes", "ray"), help="runs on one of them [default: both]")
    parser.add_argument("--work", type=Path, help="folder of the runs [default: one for temporary files]")
    parser.add_argument("--fresh", action="store_true", help="forget what is done already")


def results(file: Path, cases: Sequence[Case]) -> dict[int, Found]:
    """Of an earlier call with the same cases."""
    if not file.is_file():
        return {}
    found = [json.loads(text) for text in file.read_text(encoding="utf-8").splitlines()]
    wanted = {case.number: json.loads(json.dumps(case.to_dict())) for case in cases}
    return {one["case"]["number"]: one for one in found if wanted.get(one["case"]["number"]) == one["case"]}


def is_good(found: Found) -> bool:
    """Whether the run ended as the undisturbed one."""
    return bool(found.get("front")) and not any(found.get(name) for name in COUNTS) and not found.get("code")


def line(case: Case, found: Found) -> str:
    """A case in one line."""
    verdict = "same" if is_good(found) else f"NOT THE SAME: {found}"
    return f"{case.number:3d}  {case.kind:17}  {found['hit'] or '-':6}  {case.search:28}  {verdict}"


def table(found: Sequence[Found]) -> list[tuple[str, ...]]:
    """By who died, and in which stage."""
    rows = [("killed", *STAGES, "runs", "same front", *COUNTS)]
    for kind in (*KINDS, ""):
        own = [one for one in found if kind in ("", f"{one['case']['victim']}, {one['case']['place']}")]
        hits = Counter(one["hit"] for one in own)
        counts = [sum(one.get(name, 0) for one in own) for name in COUNTS]
        values = [*(hits[stage] for stage in STAGES), len(own), sum(bool(one["front"]) for one in own)]
        rows.append((kind or "all", *(str(value) for value in (*values, *counts))))
    return rows


def report(found: Sequence[Found]) -> common.Report:
    """As figures."""
    made = common.Report("chaos", f"{len(found)} searches that were killed at a random moment, and resumed")
    for kind in KINDS:
        own = [one for one in found if f"{one['case']['victim']}, {one['case']['place']}" == kind]
        if own:
            same = sum(bool(one["front"]) for one in own)
            made.add(f"same front, {kind} killed", same, beside="runs", other=len(own))
    same = sum(bool(one["front"]) for one in found)
    made.add("same front, all", same, target=f">= {len(found)}", beside="runs", other=len(found))
    for name in COUNTS:
        total = sum(one.get(name, 0) for one in found)
        what = "workers that outlived their driver" if name == "orphans" else f"evaluations {name}"
        made.add(what, total, target="<= 0")
    made.add("evaluations compared", sum(one.get("evaluations", 0) for one in found))
    hits = Counter(one["hit"] for one in found)
    made.notes.append("stages hit: " + ", ".join(f"{stage} {hits[stage]}" for stage in STAGES))
    made.details["runs"] = list(found)
    return made


if __name__ == "__main__":
    main()
