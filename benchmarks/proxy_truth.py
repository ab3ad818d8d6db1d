"""Every proxy against published accuracies: the checks behind docs/proxies.md, and the page.

`--truth-folder` names the tables (AutoFormer's subnets on ImageNet, ViT-Bench-101's plain ViTs and PiTs). The
networks are measured once: stopped, the same command goes on, and another label of the same table costs
nothing. A proxy takes the images that it declares (64 px, 112 px for trainability): on the same networks tau
moved by .05 or less between 224 and 64 px. As-ViT's pair declares 16 images of 224 px and five repeats,
minutes on a wide network: it gets 64 px and fewer networks, drawn in the same way. One thread a worker.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import _common as common

from vitnas import plugins
from vitnas.bench.task import Draws
from vitnas.check.run_check import check_proxies
from vitnas.check.truth import CheckSettings
from vitnas.cli.profile._common import Bar
from vitnas.report.figures.proxy_plot import write_plot
from vitnas.report.pages.proxy_page import PLOT, doubts, proxy_page
from vitnas.report.pages.proxy_results import Results, read_results, take_in

AZ_NAS = "expressivity+trainability+macs"  # three of its four
EXPENSIVE = (
    "ntk_condition",
    "length_distortion",
    "ntk_condition+length_distortion",
)  # 5 x 16 images of 224 px
DEAR_PX = 64
BELOW_PARAMS = 0.03  # how far `capacity` may stay behind the number of parameters


class Check(NamedTuple):
    """A table's label, how many networks are measured, and what `capacity` should reach on all rows."""

    space: str
    table: str
    label: str
    limit: int | None
    bands: str | None = None
    target: float | None = None
    band_targets: Mapping[str, float] = {}


SUBNETS = "autoformer_imagenet.train.csv"
PITS, PLAIN = "vitbench101_pit.train.csv", "vitbench101_autoformer.train.csv"
CHECKS = (  # the quick ones first
    Check("pit", PITS, "c100_base_acc", None, target=0.76),
    Check("pit", PITS, "chaoyang_base_acc", None),
    Check("vit_bench", PLAIN, "c100_kd_acc", 80),
    Check("vit_bench", PLAIN, "flower_kd_acc", 80),
    Check("autoformer_tiny", SUBNETS, "imagenet_top1", 100, "5.6M-6.2M,6.2M-7M", 0.69),
    Check(
        "autoformer_small", SUBNETS, "imagenet_top1", 60, "15M-19M,19M-23M,23M-28M", 0.82, {"15M-19M": 0.59}
    ),
    Check("autoformer_base", SUBNETS, "imagenet_top1", 32),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--truth-folder", type=Path, required=True, help="folder of the tables")
    parser.add_argument("--limit", type=int, help="networks of each table [default: its own]")
    parser.add_argument("--proxy", help="proxies with commas [default: all, and two sums]")
    parser.add_argument("--expensive-limit", type=int, default=20, help="networks for As-ViT's pair; 0: none")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--runs", type=Path, default=Path("runs/proxy_truth"), help="where scores are kept")
    parser.add_argument("--docs", type=Path, help="folder of the page [default: none is written]")


def main() -> None:
    """Run the benchmark."""
    args = common.arguments(__doc__, add_options)
    report = common.Report("proxy_truth", "Scores against published accuracies")
    names = args.proxy.split(",") if args.proxy else [*plugins.list_plugins("proxy"), AZ_NAS, EXPENSIVE[-1]]
    for check in CHECKS:
        folder, expensive_folder = args.runs / check.space, args.runs / f"{check.space}-expensive"
        limit = 12 if args.quick else args.limit or check.limit
        document = run_check(
            check, [n for n in names if n not in EXPENSIVE], folder, limit, Draws(args.seed), args
        )
        expensive = [name for name in names if name in EXPENSIVE]
        if expensive and args.expensive_limit:
            fewer = min(args.expensive_limit, limit or args.expensive_limit)
            draws = Draws(args.seed, resolution_px=DEAR_PX)
            run_check(check, expensive, expensive_folder, fewer, draws, args)
        add_figures(report, check, document)
        if args.docs:
            (args.docs / "proxies").mkdir(parents=True, exist_ok=True)
            for run in (folder, expensive_folder) if expensive and args.expensive_limit else (folder,):
                take_in(run, args.docs / "proxies")
    if args.docs:
        results = read_results(args.docs / "proxies")
        write_plot(args.docs / PLOT, results)
        (args.docs / "proxies.md").write_text(proxy_page(results, picture=True), encoding="utf-8")
        add_intervals(report, results)
    common.finish(report, args)


def run_check(
    check: Check, names: list[str], folder: Path, limit: int | None, draws: Draws, args: argparse.Namespace
) -> dict[str, Any]:
    """One table's label; the networks of the last check of the space are not measured again."""
    table = args.truth_folder / check.table
    draws = dataclasses.replace(draws, device=args.device)
    settings = CheckSettings(check.space, table, tuple(names), check.label, limit, check.bands, draws=draws)
    with Bar("measuring", "measured") as bar:
        return check_proxies(settings, out=folder, workers=args.workers, listener=bar)


def add_figures(report: common.Report, check: Check, document: dict[str, Any]) -> None:
    """`capacity` on all rows beside the number of parameters, and the best proxy on its sample."""
    entries = {entry["proxy"]: entry for entry in document["proxies"]}
    whole = {name: entry.get("all_rows", entry) for name, entry in entries.items()}
    capacity, params = whole["capacity"], whole["params"]
    behind = params["tau"] - BELOW_PARAMS
    report.add(
        f"capacity, {check.space}, {check.label}, all {capacity['n']} rows",
        capacity["tau"],
        target=f">= {max(behind, check.target or behind):.3g}",
        beside="params",
        other=params["tau"],
        interval=(capacity["tau_low"], capacity["tau_high"]),
    )
    for band, target in check.band_targets.items():
        found, other = (next(p for p in e["parts"] if p["band"] == band) for e in (capacity, params))
        what = f"  {band}, {found['n']} rows"
        report.add(what, found["tau"], target=f">= {target}", beside="params", other=other["tau"])
    measured = [e for e in document["proxies"] if e["kind"] == "proxy" and e["tau"] == e["tau"]]
    if measured:
        best = max(measured, key=lambda entry: entry["tau"])
        report.add(
            f"  best of {len(measured)} proxies, {document['sample']} rows: {best['proxy']}",
            best["tau"],
            beside="capacity, same rows",
            other=entries["capacity"]["tau"],
            interval=(best["tau_low"], best["tau_high"]),
        )
    seconds = {e["proxy"]: e["seconds_per_architecture"] for e in measured}
    report.details[f"{check.space}, {check.label}, seconds an architecture"] = seconds


def add_intervals(report: common.Report, results: Results) -> None:
    """How many figures lie in the intervals that were measured before; each other one is named."""
    held = [
        known.holds(entry["tau"])
        for check in results.checks
        for entry in check["proxies"]
        if entry["tau"] is not None
        and (known := results.known.get((entry["proxy"], check["space"], check["label"]))) is not None
    ]
    inside = sum(verdict is True for verdict in held)
    report.add(
        "taus within the interval measured before",
        inside,
        beside="all of them",
        other=len(held) - held.count(None),
    )
    report.notes += doubts(results)


if __name__ == "__main__":
    main()
