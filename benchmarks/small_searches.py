"""What share of a long search's hypervolume a small one reaches, by trials, in one box.

- `efficientformer` for iphone12, 1.6 ms, 13 M parameters, quality `capacity`;
- with --truth-folder, `autoformer_tiny` for xeon_ort, quality `fitted` on AutoFormer's labelled tiny ones.

The long search has 2,000,000 trials. Where exact fronts were known, with an earlier `capacity`, it had 98.7 %
of the exact hypervolume on the first problem and all of it on the second, so that 0.922 and 0.99 of it are
91 % and 99 % of the exact one.
"""

from __future__ import annotations

import csv
import statistics
import tempfile
from pathlib import Path
from typing import Any

import _common as common

from vitnas.events import Silent
from vitnas.run.bench_scorer import make_scorer
from vitnas.run.main_loop import make_loops
from vitnas.run.prepare import prepare
from vitnas.run.rating import Rating, fit_context
from vitnas.searching.config import SearchConfig
from vitnas.searching.pareto import Box

BUDGETS = (("max-latency", "1.6ms"), ("max-params", "13M"))
LABEL = "imagenet_top1"
SEEDS, LONG = 5, 2_000_000


def volume(config: SearchConfig) -> float:
    """Hypervolume of the front that a search finds."""
    setup = prepare(config, Silent())
    quality = setup.quality.fit(fit_context(setup))
    box = Box.of(setup.problem.matrix(setup.table.price(setup.pool), quality.rate(setup.pool, ())))
    assert config.trials is not None
    scorer, _ = make_scorer(setup, Rating(quality, None), 1, Silent())
    loop, _ = make_loops(setup, scorer, config.trials)
    loop.run(config.trials)
    return box.hypervolume(loop.archive.objectives)


def tiny_rows(truth: Path, folder: Path) -> str:
    """A table of AutoFormer's tiny networks alone."""
    with truth.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["scale"] == "tiny"]
    table = folder / "tiny.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return str(table)


def main() -> None:
    """Run the benchmark."""
    args = common.arguments(__doc__, lambda parser: parser.add_argument("--truth-folder", type=Path))
    trials = (1_000, 10_000) if args.quick else (1_000, 10_000, 100_000)
    report = common.Report("small_searches", f"Share of the hypervolume after {LONG:,} trials")
    with tempfile.TemporaryDirectory() as folder:
        problems: list[tuple[str, float, dict[str, Any]]] = [
            ("efficientformer", 0.922, {"target": "iphone12", "budgets": BUDGETS})
        ]
        if args.truth_folder:
            labels = tiny_rows(args.truth_folder / "autoformer_imagenet.train.csv", Path(folder))
            fitted = {"target": "xeon_ort", "quality": "fitted", "labels": labels, "label": LABEL}
            problems.append(("autoformer_tiny", 0.99, fitted))
        for space, target, settings in problems:
            long = volume(SearchConfig(space, trials=LONG, random_arm=False, **settings))
            for n in trials:
                wanted = f">= {target}" if n == 10_000 else ""
                config = {"random_arm": False, "trials": n, **settings}
                values = [volume(SearchConfig(space, seed=seed, **config)) / long for seed in range(SEEDS)]
                report.add(f"{space}, {n:,} trials", statistics.fmean(values), target=wanted)
                report.add("  worst seed", min(values))
    report.notes.append(f"{SEEDS} seeds")
    common.finish(report, args)


if __name__ == "__main__":
    main()
