"""Scoring one candidate by several proxies, as a multiple of its own forward and backward pass.

The candidate is `efficientformer:s2`: 1.25 GMAC an image at 224 px, and about 1 GMAC the batch of 8 at the
64 px that the proxies ask for. All proxies share the passes. Both take turns, so that whatever else the
machine does hits both; one core.
"""

from __future__ import annotations

import dataclasses
import statistics

import _common as common
import torch

from vitnas.arch.build import build
from vitnas.arch.schema import Architecture
from vitnas.quality.measure import load_proxy, loss_of, measure, run_proxies
from vitnas.space.files import load_architecture

SHOWN = ("token_entropy", "naswot")  # what a default search shows beside its front
SETS = {
    "2 proxies without gradients": SHOWN,
    "4 proxies": (*SHOWN, "snip", "gradient_norm"),
    "5 proxies (zico halves the batch)": (*SHOWN, "snip", "gradient_norm", "zico"),
}


def main() -> None:
    """Run the benchmark."""
    args = common.arguments(__doc__)
    torch.set_num_threads(1)
    repeats = 2 if args.quick else 11
    report = common.Report("proxy_overhead", "Scoring efficientformer:s2, one core")
    published = load_architecture("efficientformer:s2")
    for side, batch in ((64, 8),) if args.quick else ((64, 8), (224, 8)):
        architecture = dataclasses.replace(published, resolution_px=side)
        for label, proxies in SETS.items():
            scored, whole, own = compare(architecture, proxies, batch, repeats)
            where = f"{side} px, batch {batch}, {label}"
            beside = f"forward + backward: {common.number(1e3 * own)} ms"
            # building a network is part of scoring it, and no part of its passes: shown both ways
            report.add(where, scored / own, "x", target="<= 1.3", beside=beside)
            report.add("  and building the network", whole / own, "x", beside=beside)
            report.details[where] = {"scored_s": scored, "with_building_s": whole, "own_s": own}
    report.notes.append("values are multiples of the network's own forward + backward on the same batch")
    report.details["proxies"] = {label: list(names) for label, names in SETS.items()}
    common.finish(report, args)


def compare(
    architecture: Architecture, proxies: tuple[str, ...], batch: int, repeats: int
) -> tuple[float, float, float]:
    """Median seconds of scoring a built network, of ``measure`` with building, and of its own passes."""
    torch.manual_seed(0)
    network = build(architecture).train()
    side = architecture.resolution_px
    images = torch.randn(batch, architecture.in_channels, side, side)
    labels = torch.randint(architecture.classes, (batch,))
    classes = {name: load_proxy(name) for name in proxies}

    def own() -> None:
        network.zero_grad(set_to_none=True)
        loss_of(network(images), labels).backward()  # type: ignore[no-untyped-call]

    def scored() -> None:
        found = run_proxies(network, {name: cls() for name, cls in classes.items()}, images, labels)
        assert not found.failures, found.failures

    def whole() -> None:
        measure(architecture, proxies, repeats=1, resolution_px=side, batch=batch)

    times: dict[str, list[float]] = {"scored": [], "whole": [], "own": []}
    for turn in range(repeats + 1):
        for name, work in (("own", own), ("scored", scored), ("whole", whole)):
            elapsed = common.seconds(work)
            if turn:  # the first turn warms up
                times[name].append(elapsed)
    return (
        statistics.median(times["scored"]),
        statistics.median(times["whole"]),
        statistics.median(times["own"]),
    )


if __name__ == "__main__":
    main()
