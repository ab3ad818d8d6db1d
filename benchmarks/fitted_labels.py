"""How well a quality fitted on a few labels ranks what it has not seen, beside what needs none.

For each of AutoFormer's three spaces, --draws times: 25, 50, 100 or 400 labelled rows of the truth, drawn at
random, and Kendall's tau-b over all other rows of

- capacity: no labels; its references from the pool that `fitted` uses (random genomes of the space);
- ridge: plain ridge regression on depth and width (logarithms and indicators) and each block's expansion and
  heads, shrinkage by leave-one-out;
- fitted: as `vitnas search --quality fitted` fits it, with the coverage of its 90 % intervals.

Then the rows are halved: labels are taken from one half at random or, starting from nothing, as `vitnas
label` asks for them (rounds of 10, 15, 25 and 50, refitted between), and tau is that over the other half.

    python benchmarks/fitted_labels.py --truth-folder FOLDER    # with autoformer_imagenet.train.csv
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _common import Report, arguments, finish, median_seconds, print_table  # first: one thread

import numpy as np  # isort: skip

from vitnas.cost.table import CostTable
from vitnas.quality.genomes.fitted.active import most_informative
from vitnas.quality.genomes.fitted.block_figures import list_atoms
from vitnas.quality.genomes.fitted.model import FittedModel
from vitnas.quality.genomes.fitted.validation import kendall_tau
from vitnas.quality.genomes.formula import CapacityFormula
from vitnas.quality.labels import Labels
from vitnas.space.files import load_space
from vitnas.space.rows import read_rows
from vitnas.space.space import Space

TRUTH, LABEL = "autoformer_imagenet.train.csv", "imagenet_top1"
COUNTS = (25, 50, 100, 400)
ROUNDS = (10, 25, 50, 100)
POOL = 4096
TARGETS = {
    "tiny": (0.62, 0.78, 0.82, 0.86),
    "small": (0.75, 0.78, 0.83, 0.86),
    "base": (0.48, 0.55, 0.62, 0.68),
}
RIDGE_PENALTIES = np.logspace(-3, 4, 29)


@dataclass(frozen=True)
class Truth:
    """A space and its rows."""

    space: Space
    table: CostTable
    pool: Any  # (POOL, G)
    genomes: Any  # (n, G)
    values: Any  # (n,)

    def labels(self, rows: Any) -> Labels:
        return Labels(LABEL, TRUTH, self.genomes[rows], self.values[rows])

    def fit(self, rows: Any, *, check: bool = False) -> FittedModel:
        return FittedModel.fit(self.space, self.table, self.pool, self.labels(rows), check=check)

    def tau(self, scores: Any, rows: Any) -> float:
        return kendall_tau(scores, self.values[rows])


def load(scale: str, folder: Path) -> Truth:
    space = load_space(f"autoformer_{scale}")
    rows = read_rows(folder / TRUTH, space)
    pool = space.sample(POOL, np.random.default_rng(0))
    return Truth(space, CostTable.cached(space), pool, rows.genomes, rows.values(LABEL))


def ridge_features(truth: Truth) -> Any:
    """Standardised (n, p): depth and width, expansion and attention width of each block."""
    x = np.stack([atom.values(truth.genomes) for atom in list_atoms(truth.space)], axis=1)
    x = np.where(np.isnan(x), np.nanmean(x, axis=0), x)
    return (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-12)


def plain_ridge(x: Any, y: Any, seen: Any, held: Any) -> Any:
    """Predictions for ``held`` with the penalty whose leave-one-out error is the smallest."""
    centre, mean = x[seen].mean(axis=0), y[seen].mean()
    u, s, vt = np.linalg.svd(x[seen] - centre, full_matrices=False)
    projected = u.T @ (y[seen] - mean)
    errors = []
    for penalty in RIDGE_PENALTIES:
        shrink = s**2 / (s**2 + penalty)
        leverage = (u**2) @ shrink + 1 / len(seen)
        errors.append(np.mean(((y[seen] - mean - u @ (shrink * projected)) / (1 - leverage)) ** 2))
    penalty = RIDGE_PENALTIES[int(np.argmin(errors))]
    return mean + (x[held] - centre) @ (vt.T @ (s / (s**2 + penalty) * projected))


def random_draws(truth: Truth, draws: int) -> dict[int, dict[str, list[float]]]:
    """Of each number of labels: tau of every method, and coverage, draw by draw."""
    capacity = CapacityFormula.fit(truth.space, truth.table, truth.pool).score(truth.genomes)
    x, n = ridge_features(truth), len(truth.values)
    found: dict[int, dict[str, list[float]]] = {}
    for count in COUNTS:
        rows = found[count] = {name: [] for name in ("capacity", "ridge", "fitted", "coverage")}
        for draw in range(draws):
            order = np.random.default_rng([draw, count]).permutation(n)
            seen, held = order[:count], order[count:]
            fitted = truth.fit(seen, check=True)
            low, high = fitted.interval(truth.genomes[held])
            y = truth.values[held]
            rows["capacity"].append(truth.tau(capacity[held], held))
            rows["ridge"].append(truth.tau(plain_ridge(x, truth.values, seen, held), held))
            rows["fitted"].append(truth.tau(fitted.score(truth.genomes[held]), held))
            rows["coverage"].append(float(((low <= y) & (y <= high)).mean()))
    return found


def active_draws(truth: Truth, draws: int) -> dict[int, dict[str, list[float]]]:
    """Of each number of labels: tau over one half after labels of the other, at random and as asked for."""
    found = {count: {"random": [], "active": []} for count in ROUNDS[1:]}
    for draw in range(draws):
        order = np.random.default_rng([draw, 7]).permutation(len(truth.values))
        pool, held = np.array_split(order, 2)
        asked = np.zeros(0, np.int64)
        for count in ROUNDS:
            labels = truth.labels(asked) if len(asked) else None
            args = (truth.space, truth.table, truth.pool, truth.genomes[pool], count - len(asked))
            asked = np.concatenate([asked, pool[most_informative(*args, labels=labels)]])
            if count not in found:
                continue
            for name, seen in (("random", pool[:count]), ("active", asked)):
                score = truth.fit(seen).score(truth.genomes[held])
                found[count][name].append(truth.tau(score, held))
    return found


def rate(truth: Truth, candidates: int) -> float:
    """Candidates a second."""
    fitted = truth.fit(np.arange(100))
    genomes = truth.space.sample(candidates, np.random.default_rng(1))
    return candidates / median_seconds(lambda: fitted.score(genomes), 5)


def cell(values: list[float]) -> str:
    return f"{np.mean(values):.3f} ± {np.std(values):.3f}"


def main() -> None:
    def add(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--truth-folder", type=Path, required=True, help=f"holds {TRUTH}")
        parser.add_argument("--draws", type=int, default=20)

    args = arguments(__doc__, add)
    draws = 2 if args.quick else args.draws
    report = Report("fitted_labels", f"Fitted on a few labels: mean Kendall tau of {draws} draws")
    lines = [("", "labels", "capacity", "ridge", "fitted", "90 % covers", "halves: random", "active")]
    for scale, targets in TARGETS.items():
        truth = load(scale, args.truth_folder)
        drawn, halves = random_draws(truth, draws), active_draws(truth, draws)
        for count, target in zip(COUNTS, targets, strict=True):
            rows, half = drawn[count], halves.get(count)
            beside = {"beside": "plain ridge", "other": float(np.mean(rows["ridge"]))}
            what = f"autoformer_{scale}, {count} labels"
            report.add(what, np.mean(rows["fitted"]), target=f">= {target}", **beside)
            if half:
                other = {"beside": "random", "other": float(np.mean(half["random"]))}
                report.add(f"{what}, active", np.mean(half["active"]), **other)
            cells = [cell(rows[name]) for name in ("capacity", "ridge", "fitted", "coverage")]
            cells += [cell(half["random"]), cell(half["active"])] if half else ["", ""]
            lines.append((f"autoformer_{scale}", str(count), *cells))
        report.add(f"autoformer_{scale}, candidates a second", rate(truth, 200_000), target=">= 200000")
        report.details[scale] = {"drawn": drawn, "halves": halves, "rows": len(truth.values)}
    print_table(lines)
    print()
    report.notes += [
        "mean ± deviation over the draws; capacity is that of random genomes as its pool, without a budget",
        "halves: labels from one half of the rows, tau over the other; at random, and as `vitnas label` asks",
    ]
    finish(report, args)


if __name__ == "__main__":
    main()
