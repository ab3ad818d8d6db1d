"""A truth set of hybrids: 120 networks of one space at 32 px, each trained alone under one recipe.

    hybrid_truth.py --images FILE --work FOLDER [--hours H] [--jobs N]   train, or go on
    hybrid_truth.py --work FOLDER --table                                put what is done into truth/

``--images`` is the JPEG copy of CIFAR-10 (arrays ``jpeg_train``, ``offset_train``, ``y_train``), of which the
last 5,000 training images are held out. The list of jobs is ``truth/hybrid32.jobs.csv``, the most useful ones
first. A job that ends is a line of ``results.jsonl`` in the folder; one that is killed goes on from its last
epoch; what ``truth/hybrid32.results.jsonl`` holds is done. Several processes may share a folder. The networks
are of ``truth/hybrid32.yaml``: half are spread over MACs, half stand in groups whose parameters and MACs are
equal within 2 %. A quarter is trained with three seeds, and five groups four times as long.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import _common as common
import _hybrid_table as table
import _hybrid_train as training
from _hybrid_plan import PLAN, Training, write_plan


def main() -> None:
    """Run the benchmark."""
    args = _arguments()
    args.work.mkdir(parents=True, exist_ok=True)
    jobs = write_plan(PLAN)
    if args.images is not None:
        data = training.images(args.images, args.work)
        training.run(jobs, data, args.work, seconds=args.hours * 3600, most=args.jobs)
    if args.table:
        table.write(jobs, training.read_results(args.work))
    _print_progress(jobs, training.read_results(args.work))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, help="labelled images; without them nothing is trained")
    parser.add_argument("--work", type=Path, required=True, help="folder of results and checkpoints")
    parser.add_argument("--hours", type=float, default=math.inf, help="none begins later [default: no limit]")
    parser.add_argument("--jobs", type=int, default=10**6, help="at most so many [default: all]")
    parser.add_argument("--table", action="store_true", help="write the table and the finished jobs")
    return parser.parse_args()


def _print_progress(jobs: Sequence[Training], results: Sequence[dict[str, Any]]) -> None:
    done = {record["job"] for record in results}
    rows = [("jobs", "done", "planned", "core hours")]
    for kind, own in table.kinds(jobs).items():
        spent = sum(r["seconds"] for r in results if r["job"] in {job.id for job in own})
        rows.append((kind, str(sum(j.id in done for j in own)), str(len(own)), common.number(spent / 3600)))
    common.print_table(rows)


if __name__ == "__main__":
    main()
