"""Candidates priced a second on one core, beside fvcore on the same networks, built.

Pricing gives parameters, MACs, activations, peak memory and latency; fvcore's count gives MACs only. The
MACs of convolutions, linear layers and matrix products have to be equal, to the last one.
"""

from __future__ import annotations

import warnings
from typing import Any

import _common as common
import numpy as np
import torch

from vitnas.arch.build import build
from vitnas.arch.schema import Architecture
from vitnas.cost.table import CostTable
from vitnas.hardware.load_device import load_device
from vitnas.space.files import load_space
from vitnas.testing.fvcore_macs import fvcore_macs

BATCH = 16384  # what the loop asks for at once


def main() -> None:
    """Run the benchmark."""
    args = common.arguments(__doc__)
    torch.set_num_threads(1)
    report = common.Report("pricing", "Pricing candidates of efficientformer for iphone12, one core")
    space = load_space("efficientformer")
    table = CostTable.cached(space, load_device("iphone12"))
    rng = np.random.default_rng(0)
    genomes = space.sample(100_000 if args.quick else 1_000_000, rng)

    def rate_of(table: CostTable) -> float:
        def price() -> None:
            for start in range(0, len(genomes), BATCH):
                table.price(genomes[start : start + BATCH])

        return len(genomes) / common.median_seconds(price, 3 if args.quick else 9)

    rate = rate_of(table)
    others = {
        "with a measured table (xeon_ort)": ("xeon_ort",),
        "for three devices": ("iphone12", "galaxy_s24", "xeon_ort"),
    }
    alone = common.median_seconds(lambda: table.price(genomes[:1]), 200)

    names = ["s0"] if args.quick else list(space.references)
    networks = {name: space.references[name].genome for name in names}
    for genome in space.sample(1 if args.quick else 6, rng):
        networks[f"random {len(networks) - len(names) + 1}"] = genome
    rows = {
        name: compare(space.decode(g), int(table.price(g[None])["macs"][0]), 1 if args.quick else 3)
        for name, g in networks.items()
    }
    mean_s = float(np.mean([row["fvcore_s"] for row in rows.values()]))
    report.add(
        f"candidates priced (batches of {BATCH:,})", rate, "/s", target=">= 500000",
        beside="fvcore on the built networks, mean", other=1 / mean_s,
    )  # fmt: skip
    for what, names in others.items():
        other = rate_of(CostTable.cached(space, [load_device(name) for name in names]))
        report.add(f"  {what}", other, "/s", target=">= 500000", beside="iphone12 alone", other=rate)
    for name, row in rows.items():
        report.add(f"one count: {name}", 1e3 / rate, "ms", beside="fvcore", other=1e3 * row["fvcore_s"])
    report.add(
        "one candidate alone, not in a batch", 1e3 * alone, "ms", beside="fvcore, mean", other=1e3 * mean_s
    )
    differing = max(abs(row["difference"]) for row in rows.values())
    report.add(f"largest difference in MACs, {len(rows)} networks", differing, "MACs", target="<= 0")
    report.details = {"genes": len(space.genes), "space_size": float(space.size), "networks": rows}
    common.finish(report, args)


def compare(architecture: Architecture, ours: int, repeats: int) -> dict[str, Any]:
    """Seconds of fvcore's count, and its MACs beside ours."""
    from fvcore.nn import FlopCountAnalysis

    network = build(architecture).eval()
    side = architecture.resolution_px
    image = torch.zeros(1, architecture.in_channels, side, side)

    def count() -> None:
        analysis = FlopCountAnalysis(network, image)
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        analysis.total()

    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        elapsed = common.median_seconds(count, repeats)
    theirs = sum(fvcore_macs(network, image).values())
    return {"fvcore_s": elapsed, "fvcore_macs": theirs, "macs": ours, "difference": ours - theirs}


if __name__ == "__main__":
    main()
