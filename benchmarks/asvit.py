"""As-ViT from nothing to its largest network: 500 steps of search for a seed, growth to 80 M parameters.

    vitnas search --preset asvit
    vitnas scale runs/asvit-any-1/choice.yaml --rule asvit --to 29M,52.6M,80M

Both in this process, with worker processes for the networks. `--folder` keeps the two runs; the same command
goes on with what is there, and times add up (that of a killed run is lost, Ctrl-C loses nothing). Gaussian
images unless `--images` names real ones, which the authors take. Their figures are of their own series; ours
is not trained. Their code started at seed 27 and drew other weights and images: the seed found is not
expected to be theirs.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import _common as common

from vitnas.api.presets import preset
from vitnas.figures import parse_quantity
from vitnas.report.terminal.plain_view import PlainView
from vitnas.run.result import Member, SearchResult
from vitnas.run.search import resume_search, run_search
from vitnas.scaling.family_files import FamilyResult
from vitnas.scaling.run_scale import resume_scale, run_scale
from vitnas.scaling.scale_config import ScaleConfig
from vitnas.searching.config import SearchConfig
from vitnas.space.files import load_space

PUBLISHED_SEED = "8,2,3|4,1,2|4,1,4|4,1,6|32"
PUBLISHED = {"Small": (29.0, 5.3), "Base": (52.6, 8.9), "Large": (88.1, 22.6)}  # M parameters, GMACs
KEPT = (29_000_000, 52_600_000)  # sizes of the family beside the largest


def with_seconds(folder: Path, begin: Callable[[], Any], go_on: Callable[[], Any]) -> tuple[Any, float]:
    """The result of a run that may have begun before, and its wall-clock seconds over all lives."""
    manifest = folder / "manifest.json"
    before = float(json.loads(manifest.read_text()).get("seconds", 0.0)) if manifest.is_file() else None
    started = time.monotonic()
    result = begin() if before is None else go_on()
    return result, (before or 0.0) + time.monotonic() - started


def searched(args: argparse.Namespace, folder: Path, view: PlainView) -> tuple[SearchResult, float]:
    """The search for a seed."""
    run = folder / "search"
    config = SearchConfig(
        **preset("asvit"), trials=args.steps, seed=args.seed, images=args.images, device=args.device
    )
    result, seconds = with_seconds(
        run,
        lambda: run_search(config, root=folder, name="search", workers=args.workers, listener=view),
        lambda: resume_search(run, workers=args.workers, trials=args.steps, listener=view),
    )
    if result.state == "interrupted" or result.choice is None:
        raise SystemExit("interrupted; go on with the same command and --folder")
    return result, seconds


def grown(args: argparse.Namespace, folder: Path, view: PlainView) -> tuple[FamilyResult, float]:
    """The series from the seed upwards."""
    run = folder / "family"
    largest = int(parse_quantity("params", args.to))
    config = ScaleConfig(
        str(folder / "search" / args.grow),
        "asvit",
        (*(size for size in KEPT if size < largest), largest),
        seed=args.seed,
        images=args.images,
        device=args.device,
    )
    result: tuple[FamilyResult, float] = with_seconds(
        run,
        lambda: run_scale(config, root=folder, name="family", workers=args.workers, listener=view),
        lambda: resume_scale(run, workers=args.workers, listener=view),
    )
    return result


def as_text(genome: Sequence[int]) -> str:
    """A topology as the authors write it: kernel, splits, expansion of each stage, and heads."""
    space = load_space("asvit")
    chosen = dict(zip((gene.name for gene in space.genes), space.chosen(genome), strict=True))
    stages = []
    for k in range(4):
        kernel = chosen["stem.kernel_px" if k == 0 else f"stages.{k}.down.kernel_px"]
        block = f"stages.{k}.blocks.0"
        stages.append(f"{kernel},{chosen.get(f'{block}.splits', 1)},{chosen[f'{block}.expansion']}")
    return "|".join([*stages, str(chosen["vars.heads"])])


def series(path: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Every network on the way."""
    return [
        {
            "step": step["step"],
            "depths": step["depths"],
            "widths": step["widths"],
            "params_m": step["costs"]["params"] / 1e6,
            "macs_g": step["costs"]["macs"] / 1e9,
            "scores": step["scores"],
        }
        for step in path
    ]


def scores(member: Member) -> dict[str, Any]:
    """Quality and its members."""
    names = preset("asvit")["quality"].split("+")
    said = {name: member.scores.get(name, {}).get("value") for name in names}
    return {"seed": as_text(member.genome), "quality": member.quality, **said}


def main() -> None:
    """Run the benchmark."""

    def options(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--steps", type=int, default=500, help="of the search [default: 500]")
        parser.add_argument("--to", default="80M", help="size of the largest network [default: 80M]")
        parser.add_argument(
            "--grow", default="choice.yaml", help="of the search's run [default: choice.yaml]"
        )
        parser.add_argument("--workers", type=int, default=os.cpu_count(), help="[default: all cores]")
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--device", default="cpu", help="cpu or cuda [default: cpu]")
        parser.add_argument("--images", help="folder or .npz of real images [default: Gaussian ones]")
        parser.add_argument("--folder", type=Path, help="keeps the runs, and goes on with them")

    args = common.arguments(__doc__, options)
    if args.quick:
        args.steps, args.to = min(args.steps, 3), "4M"
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        view = PlainView(sys.stderr)
        found, search_s = searched(args, folder, view)
        family, growth_s = grown(args, folder, view)
    common.finish(report_of(args, found, search_s, family, growth_s), args)


def report_of(
    args: argparse.Namespace, found: SearchResult, search_s: float, family: FamilyResult, growth_s: float
) -> common.Report:
    """Times, the seed, the series."""
    report = common.Report(
        "asvit", f"As-ViT, {args.steps} steps and growth to {args.to}, {args.workers} workers"
    )
    target = "" if args.quick else "<= 45" if args.device == "cpu" else "<= 5"
    report.add("search and growth", (search_s + growth_s) / 60, "min", target=target)
    report.add("  search", search_s / 60, "min")
    report.add("  growth", growth_s / 60, "min")
    report.add("  a step of the search", search_s / args.steps, "s")
    assert found.choice is not None
    published = next(m for m in found.references if m.facts["reference"] == "seed")
    named = {
        "the policy's choice": found.choice,
        "the best sample": found.front[0],
        "the published seed": published,
    }
    for what, member in named.items():
        report.add(f"quality of {what}", member.quality if member.quality is not None else math.nan)
    steps = series(family.document["steps"])
    for name, (params, macs) in PUBLISHED.items():
        nearest = min(steps, key=lambda step: abs(step["params_m"] - params))
        if abs(nearest["params_m"] / params - 1) < 0.15:
            what = f"{nearest['params_m']:.1f} M of the series: MACs"
            report.add(what, nearest["macs_g"], "G", beside=f"{name}, {params} M, as published", other=macs)
    seeds = {"choice": scores(found.choice), "best": scores(found.front[0]), "published": scores(published)}
    report.details = {
        "steps": args.steps,
        "distinct": found.distinct,
        "device": args.device,
        "images": "real" if args.images else "Gaussian",
        "seconds": {"search": search_s, "growth": growth_s},
        "seeds": seeds,
        "series": steps,
        "published": {n: {"params_m": p, "macs_g": m} for n, (p, m) in PUBLISHED.items()},
    }
    report.notes += [f"seed, {name}: {said['seed']}" for name, said in seeds.items()]
    report.notes += [
        f"step {s['step']}: depths {','.join(map(str, s['depths']))}, width {s['widths'][0]}, "
        f"{s['params_m']:.1f} M, {s['macs_g']:.2f} GMACs"
        for s in steps
    ]
    report.notes.append(
        "published As-ViT: 12 hours on one V100 for design and scaling; 81.2, 82.5, 83.5 % top-1"
    )
    return report


if __name__ == "__main__":
    main()
