"""Scores beside the accuracies of the truth set of hybrids: overall, and within groups of equal cost.

    hybrid_check.py --work FOLDER [--no-proxies] [--images FILE]

``truth/hybrid32.csv`` is read (``--truth`` names another); the folder keeps what proxies say. Overall:
Kendall's tau-b, its interval a bootstrap over networks. Within groups whose parameters and MACs are equal
within 2 %: the share of pairs that a score orders as the accuracies do (.5 is a coin), its interval a
bootstrap over groups. ``--images`` adds trainings of ten seconds, by another seed. What a score that knew
every network's mean over seeds would reach follows from the scatter between seeds.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import _common as common
import numpy as np
from _hybrid_brief import NAME, brief_trainings
from _hybrid_plan import (
    GROUPS,
    LONG_GROUPS,
    MEMBERS,
    RANDOM,
    REPEATED_GROUPS,
    REPEATED_RANDOM,
    hybrid_space,
)
from _hybrid_scores import Values, closed_forms, learned, proxies
from _hybrid_table import SEEDS, TABLE
from numpy.typing import NDArray

from vitnas import plugins
from vitnas.check.agreement import tau_b, tau_interval
from vitnas.space.activity import Genomes
from vitnas.space.rows import Rows, read_rows

RESAMPLES = 2000


@dataclass(frozen=True)
class Truth:
    """The networks that are trained."""

    rows: Rows
    trained: NDArray[np.intp]
    groups: tuple[str, ...]

    @property
    def genomes(self) -> Genomes:
        return self.rows.genomes[self.trained]

    def label(self, name: str) -> Values:
        """Accuracies (n,), nan where there is none yet."""
        known = name in self.rows.labels
        return self.rows.values(name)[self.trained] if known else np.full(len(self.trained), math.nan)


def main() -> None:
    """Run the benchmark."""
    args = common.arguments(__doc__, _options)
    space, truth = hybrid_space(), _read(args.truth)
    scores = closed_forms(space, truth.genomes)
    if not (args.no_proxies or args.quick):
        names = list(plugins.list_plugins("proxy"))
        scores |= proxies(space, truth.genomes, names, args.work / "proxies")
    if args.images is not None and not args.quick:
        scores[NAME] = brief_trainings(space, truth.genomes, args.images, args.work)
    report = common.Report("hybrid_truth", "Scores beside accuracies of hybrids, trained one by one")
    _add_state(report, truth)
    _add_noise(report, truth)
    _add_long(report, truth)
    for label in ("acc", "acc_long"):
        accuracies = truth.label(label)
        if np.isfinite(accuracies).sum() < 10:
            continue
        own = scores | {"learned, group left out": learned(space, truth.genomes, accuracies, truth.groups)}
        report.details[label] = {
            name: _compare(score, accuracies, truth.groups) for name, score in own.items()
        }
    common.finish(report, args)
    _print_details(report)


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--work", type=Path, required=True, help="folder of the proxies' scores")
    parser.add_argument("--truth", type=Path, default=TABLE, help="another table of the same columns")
    parser.add_argument("--images", type=Path, help="labelled images, for trainings of ten seconds")
    parser.add_argument("--no-proxies", action="store_true", help="closed forms and counts alone")


def _read(table: Path) -> Truth:
    with table.open(newline="", encoding="utf-8") as stream:
        groups = [row["group"] for row in csv.DictReader(stream)]
    rows = read_rows(table, hybrid_space())
    trained = np.flatnonzero(np.isfinite(rows.values("acc")))
    return Truth(rows, trained, tuple(groups[k] for k in trained))


def _compare(score: Values, accuracies: Values, groups: Sequence[str]) -> dict[str, Any]:
    known = np.isfinite(score) & np.isfinite(accuracies)
    a, b = score[known], accuracies[known]
    share, interval, pairs = share_of_pairs(score, accuracies, groups)
    return {
        "n": int(known.sum()),
        "tau": tau_b(a, b),
        "tau interval": list(tau_interval(a, b, resamples=RESAMPLES)),
        "share": share,
        "share interval": list(interval),
        "pairs": pairs,
    }


def share_of_pairs(
    score: Values, accuracies: Values, groups: Sequence[str]
) -> tuple[float, tuple[float, float], int]:
    """Of pairs within groups that the score orders as the accuracies do, a tied score counting half.

    Returns:
        the share, its 95 % interval (bootstrap over groups), and the number of pairs.
    """
    right, total = [], []
    for group in sorted({g for g in groups if g}):
        rows = [k for k, g in enumerate(groups) if g == group and np.isfinite(score[k] + accuracies[k])]
        signs = [
            np.sign(score[i] - score[j]) * np.sign(accuracies[i] - accuracies[j])
            for i, j in itertools.combinations(rows, 2)
            if accuracies[i] != accuracies[j]
        ]
        right.append(sum((1 + sign) / 2 for sign in signs))
        total.append(len(signs))
    counts, rights = np.array(total, float), np.array(right)
    if not counts.sum():
        return math.nan, (math.nan, math.nan), 0
    drawn = np.random.default_rng(0).integers(len(counts), size=(RESAMPLES, len(counts)))
    sums = counts[drawn].sum(axis=1)
    shares = rights[drawn].sum(axis=1)[sums > 0] / sums[sums > 0]
    low, high = np.quantile(shares, [0.025, 0.975])
    return float(rights.sum() / counts.sum()), (float(low), float(high)), int(counts.sum())


def _add_state(report: common.Report, truth: Truth) -> None:
    seeds = np.stack([truth.label(f"acc_seed{seed}") for seed in SEEDS])
    grouped = sum(map(bool, truth.groups))
    several = np.isfinite(seeds).sum(axis=0) == len(SEEDS)
    long = np.isfinite(truth.label("acc_long"))
    for what, done, planned in (
        ("networks of groups trained", grouped, GROUPS * MEMBERS),
        ("networks drawn alone trained", len(truth.groups) - grouped, RANDOM),
        ("networks with three seeds", several.sum(), len(REPEATED_GROUPS) * MEMBERS + REPEATED_RANDOM),
        ("networks trained four times as long", long.sum(), len(LONG_GROUPS) * MEMBERS),
    ):
        report.add(what, done, beside="planned", other=float(planned))


def _add_noise(report: common.Report, truth: Truth) -> None:
    """Scatter between seeds, between networks of equal cost, and the ceiling that follows."""
    seeds = np.stack([truth.label(f"acc_seed{seed}") for seed in SEEDS])
    counts = np.isfinite(seeds).sum(axis=0)
    several = counts > 1
    if not several.any():
        return
    squares = np.nanvar(seeds[:, several], axis=0) * counts[several]
    noise = float(squares.sum() / (counts[several] - 1).sum())
    accuracies = truth.label("acc")
    own_noise = noise / counts
    excess = [
        accuracies[rows].var(ddof=1) - own_noise[rows].mean()
        for group in {g for g in truth.groups if g}
        for rows in [[k for k, g in enumerate(truth.groups) if g == group]]
        if len(rows) > 1
    ]
    true = max(float(np.mean(excess)), 0.0)
    report.add("sd between seeds, points", math.sqrt(noise))
    report.add("sd of equal cost beyond the seeds, points", math.sqrt(true))
    rho = math.sqrt(true / (true + noise)) if true + noise else 0.0
    report.add("share of pairs that a perfect score would order, one seed", 0.5 + math.asin(rho) / math.pi)
    share, interval, pairs = share_of_pairs(seeds[1], seeds[0], truth.groups)
    if pairs:
        report.add(f"share of pairs that another seed orders alike (n {pairs})", share, interval=interval)


def _add_long(report: common.Report, truth: Truth) -> None:
    """Whether networks of equal cost keep their order when trained longer."""
    share, interval, pairs = share_of_pairs(truth.label("acc"), truth.label("acc_long"), truth.groups)
    if pairs:
        what = f"share of pairs of equal cost that 3 epochs order as 12 do (n {pairs})"
        report.add(what, share, interval=interval)


def _print_details(report: common.Report) -> None:
    for label, entries in ((k, v) for k, v in report.details.items() if k.startswith("acc")):
        rows = [[label, "n", "tau [95 %]", "pairs", "share right within equal cost [95 %]"]]
        for name, e in sorted(entries.items(), key=lambda item: -np.nan_to_num(item[1]["share"])):
            rows.append([name, str(e["n"]), _interval(e, "tau"), str(e["pairs"]), _interval(e, "share")])
        common.print_table(rows)


def _interval(entry: dict[str, Any], name: str) -> str:
    return "{:.3f} [{:.2f}, {:.2f}]".format(entry[name], *entry[f"{name} interval"])


if __name__ == "__main__":
    main()
