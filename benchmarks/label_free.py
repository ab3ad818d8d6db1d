"""Does any label-free measurement of the network itself add to the closed form ``capacity``?

    python benchmarks/label_free.py --out O.jsonl --space autoformer_tiny --truth FILE.csv --images PATH -n 60
    python benchmarks/label_free.py --out O.jsonl

The first form measures a sample of networks of known accuracy, stratified over depth and width, and appends
a line for each to the file: it can be stopped, goes on where it was, and adds the tasks that a network lacks.
A network gets a few steps of each self-supervised task on real images, from weights of the same seed, with
the images in the same order; the task "init" looks at it untrained. Both forms print, for each signal of each
space in the file: Kendall tau, the share of its variance that the shape explains, tau of what the shape
leaves over, and the gain of tau when the signal is added to ``capacity`` (both standardised) with weights .1,
.25 and .5, and when only what the shape leaves over is added with weight .25.

The target: a signal that adds .03 on AutoFormer-T and costs nothing on AutoFormer-S and PiT, in 30 s.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import Any

import _common as common
import numpy as np
import torch
from _label_free import INIT, TASKS, Budget, measure_signals
from numpy.typing import NDArray

from vitnas.check.agreement import MIN_ROWS, regress, tau_b, weighted_taus
from vitnas.cost.table import CostTable
from vitnas.quality.data.images import load_images
from vitnas.quality.genomes.formula import CapacityFormula
from vitnas.quality.shape import shape_columns, stratified
from vitnas.space.files import load_space
from vitnas.space.rows import read_rows

WEIGHTS = (0.1, 0.25, 0.5)
RESAMPLES = 1000
POOL = 544  # images that are read
MIN_SHARE = 0.5  # of the networks that must have a signal for it to be looked at
GAIN, SECONDS = 0.03, 30.0
FIRST, OTHERS = "autoformer_tiny", ("autoformer_small", "pit")
Values = NDArray[np.float64]


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, help="JSON lines, one for each network")
    parser.add_argument("--space", help="measure networks of this space")
    parser.add_argument("--truth", help="CSV of architectures with accuracies")
    parser.add_argument("--label", help="column of the CSV [default: the first that is a label]")
    parser.add_argument("--images", help="folder or .npz file")
    parser.add_argument("-n", type=int, default=60, help="networks")
    parser.add_argument("--seed", type=int, default=0, help="of weights, images and steps")
    parser.add_argument("--sample-seed", type=int, default=0, help="which networks")
    parser.add_argument(
        "--tasks", default=",".join((INIT, *TASKS)), help="a selection of these, without spaces"
    )
    parser.add_argument("--side-px", type=int, default=64)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=3e-4)


def main() -> None:
    """Measure, if asked to, then print what the file says."""
    args = common.arguments(__doc__, options)
    torch.set_num_threads(1)
    if args.space:
        measure_space(args)
    report = common.Report("label_free", "Label-free signals beside capacity")
    for space, rows in by_space(read_lines(args.out)).items():
        summarise(report, space, rows)
    verdict(report)
    report.notes.append(
        "z-sums of standardised scores; intervals: paired bootstrap over the networks; the best of so many "
        "signals is picked with labels, so its gain is optimistic"
    )
    common.finish(report, args)


def measure_space(args: argparse.Namespace) -> None:
    """Append the signals of the sample's networks that the file does not have."""
    budget = Budget(args.side_px, args.steps, args.batch, args.rate)
    setting = dataclasses.asdict(budget) | {"seed": args.seed}
    space = load_space(args.space)
    rows = read_rows(args.truth, space)
    label = args.label or rows.labels[0]
    labels = rows.values(label)
    quality = CapacityFormula.fit(space, CostTable.cached(space), rows.genomes).score(rows.genomes)
    shape = shape_columns(space, rows.genomes)
    images = load_images(args.images).draw(POOL, 3, args.side_px, args.seed)
    done = {
        (line["space"], line["id"], task)
        for line in read_lines(args.out)
        if line["setting"] == setting
        for task in line["tasks"]
    }
    rng = np.random.default_rng(args.sample_seed)
    # in random order, so that a part of the sample is a sample
    for position in rng.permutation(stratified(space, rows.genomes, rows.groups, args.n, rng)):
        identity = (args.space, rows.ids[position])
        tasks = [task for task in args.tasks.split(",") if (*identity, task) not in done]
        if not tasks or not np.isfinite(labels[position]):
            continue
        architecture = dataclasses.replace(space.decode(rows.genomes[position]), resolution_px=args.side_px)
        started = time.process_time()  # one thread: what a quiet machine takes
        signals = measure_signals(architecture, images, tasks, budget, args.seed)
        line = {
            "space": args.space,
            "id": rows.ids[position],
            "setting": setting,
            "tasks": tasks,
            "label": label,
            "truth": labels[position],
            "capacity": quality[position],
            "shape": shape[position].tolist(),
            "signals": signals,
            "seconds": time.process_time() - started,
        }
        with args.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        print(f"{args.space} {rows.ids[position]}: {line['seconds']:.1f} s", file=sys.stderr)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """What was measured; a line that was cut off is left out."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    found = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return found


def by_space(lines: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The lines of each space, those of the setting that has most of them; seeds are averaged."""
    groups: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for line in lines:
        setting = json.dumps({k: v for k, v in line["setting"].items() if k != "seed"}, sort_keys=True)
        groups.setdefault(line["space"], {}).setdefault(setting, []).append(line)
    return {space: averaged(max(found.values(), key=len)) for space, found in groups.items()}


def averaged(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One line for each network: the tasks of its lines together, signals and seconds the mean over seeds."""
    networks: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        networks.setdefault(line["id"], []).append(line)
    merged = []
    for parts in networks.values():
        values: dict[str, list[float]] = {}
        for part in parts:
            for name, value in part["signals"].items():
                values.setdefault(name, []).append(value)
        seeds = len({part["setting"]["seed"] for part in parts})
        seconds = sum(part["seconds"] for part in parts) / seeds
        means = {name: float(np.mean(found)) for name, found in values.items()}
        merged.append(parts[0] | {"signals": means, "seeds": seeds, "seconds": seconds})
    return merged


def summarise(report: common.Report, space: str, rows: list[dict[str, Any]]) -> None:
    """Print one space's table and keep its figures."""
    known = [name for row in rows for name in row["signals"]]
    names = sorted(name for name in set(known) if known.count(name) >= MIN_SHARE * len(rows))
    rows = [row for row in rows if set(names) <= set(row["signals"])]
    if len(rows) < MIN_ROWS:
        print(f"{space}: {len(rows)} networks, too few", file=sys.stderr)
        return
    truth, capacity = (np.array([row[key] for row in rows]) for key in ("truth", "capacity"))
    shape = np.array([row["shape"] for row in rows])
    found = {
        name: signal_figures(np.array([row["signals"][name] for row in rows]), truth, capacity, shape)
        for name in names
    }
    alone = tau_b(capacity, truth)
    seconds = float(np.median([row["seconds"] for row in rows]))
    print(f"{space}: {len(rows)} networks, {rows[0]['label']}, capacity {alone:.3f}, {seconds:.1f} s each")
    head = ("signal", "tau", "R2 on shape", "tau left over", *(f"gain w {w}" for w in WEIGHTS))
    table = [(*head, "95 %, w 0.25", "gain left over", "95 %")]
    for name in sorted(names, key=lambda n: -found[n]["gain_0.25"]):
        f = found[name]
        gains = [f"{f[f'gain_{w}']:+.3f}" for w in WEIGHTS]
        row = [name, f"{f['tau']:.3f}", f"{f['r2_shape']:.2f}", f"{f['residual_tau']:+.2f}", *gains]
        table.append(
            (*row, spread(f["interval_0.25"]), f"{f['gain_residual']:+.3f}", spread(f["interval_residual"]))
        )
    common.print_table(table)
    best = max(names, key=lambda n: found[n]["gain_0.25"])
    interval = found[best]["interval_0.25"]
    report.add(f"{space}: networks", len(rows))
    report.add(f"{space}: tau of capacity", alone)
    report.add(f"{space}: best gain, {best}", found[best]["gain_0.25"], interval=interval)
    report.add(f"{space}: seconds a network", seconds, "s", target=f"<= {SECONDS:.0f}")
    report.details[space] = {
        "setting": rows[0]["setting"],
        "capacity": alone,
        "n": len(rows),
        "signals": found,
    }


def signal_figures(signal: Values, truth: Values, capacity: Values, shape: Values) -> dict[str, Any]:
    """What one signal says alone, beyond the shape, and on top of capacity."""
    share, left = regress(signal, shape)
    _, truth_left = regress(truth, shape)
    figures: dict[str, Any] = {"tau": tau_b(signal, truth), "r2_shape": share}
    both = left is not None and truth_left is not None
    figures["residual_tau"] = tau_b(left, truth_left) if both else float("nan")  # type: ignore[arg-type]
    for weight in WEIGHTS:
        figures[f"gain_{weight}"], figures[f"interval_{weight}"] = gain(
            standard(capacity) + weight * standard(signal), capacity, truth
        )
    rest = standard(capacity) + 0.25 * standard(left) if left is not None else capacity
    figures["gain_residual"], figures["interval_residual"] = gain(rest, capacity, truth)
    return figures


def standard(values: Values) -> Values:
    """Mean 0, standard deviation 1."""
    spread = values.std()
    return (values - values.mean()) / spread if spread > 0 else values * 0


def gain(score: Values, base: Values, truth: Values) -> tuple[float, tuple[float, float]]:
    """tau of ``score`` less that of ``base``, and its interval over resamples of the networks."""
    n = len(truth)
    rng = np.random.default_rng(0)
    counts = np.stack([np.bincount(rng.integers(n, size=n), minlength=n) for _ in range(RESAMPLES)])
    weights = counts.astype(np.float32)
    differences = weighted_taus(score, truth, weights) - weighted_taus(base, truth, weights)
    low, high = np.quantile(differences, [0.025, 0.975])
    return tau_b(score, truth) - tau_b(base, truth), (float(low), float(high))


def spread(interval: tuple[float, float]) -> str:
    return f"{interval[0]:+.3f} to {interval[1]:+.3f}"


def verdict(report: common.Report) -> None:
    """Which signals reach the target with one weight in all spaces."""
    spaces = [FIRST, *OTHERS]
    if any(space not in report.details for space in spaces):
        report.notes.append(f"the target is about {', '.join(spaces)}: not all of them are measured")
        return
    tables = [report.details[space]["signals"] for space in spaces]
    reached = [
        f"{name} (weight {key.removeprefix('gain_')})"
        for name in sorted(set.intersection(*(set(t) for t in tables)))
        for key in (*(f"gain_{w}" for w in WEIGHTS), "gain_residual")
        if tables[0][name][key] >= GAIN and all(t[name][key] >= 0 for t in tables[1:])
    ]
    report.add("signals that add .03 on T and cost nothing on S and PiT", len(reached))
    report.notes.append(f"they are: {', '.join(reached)}" if reached else "no signal reaches the target")


if __name__ == "__main__":
    main()
