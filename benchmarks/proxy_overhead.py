"""What each proxy costs on a built network, as a multiple of the passes that it needs, one core.

A plain ViT (DeiT-Ti) and a hybrid (EfficientFormerV2-S2), at 64 and 224 px. The passes are the network's own,
with nothing attached: forward without gradients; forward and backward; the same in two halves; forward and
backward to the images only; forward and backward of one image in float64. All take turns, so that whatever
else the machine does hits all of them.
"""

from __future__ import annotations

import copy
import dataclasses
import statistics
from collections.abc import Callable, Mapping
from typing import Any

import _common as common
import torch
from torch import Tensor, nn

from vitnas import plugins
from vitnas.arch.build import build
from vitnas.arch.schema import Architecture
from vitnas.quality.measure import load_proxy, loss_of, measure, run_proxies
from vitnas.space.files import load_architecture

NETWORKS = ("vit:deit_tiny", "efficientformer:s2")
SHOWN = ("token_entropy", "naswot")  # what a default search shows beside its front
SHARED = ("forward", "backward")
BATCH = 8
POINTS = 9  # of the circle of length_distortion
# what proxies that run their own passes need: (pass, how often)
OWN_PASSES = {
    "zen": ("forward", 2.0),
    "trainability": ("to_images", 1.0),
    "ntk_condition": ("backward", 1.0),
    "length_distortion": ("forward", 2 * POINTS / BATCH),  # values and derivatives
}


def main() -> None:
    """Run the benchmark."""
    args = common.arguments(__doc__)
    torch.set_num_threads(1)
    report = common.Report("proxy_overhead", "What proxies cost, one core")
    names = sorted(plugins.list_plugins("proxy"))
    for source in NETWORKS[-1:] if args.quick else NETWORKS:
        published = load_architecture(source)
        for side in (64,) if args.quick else (64, 224):
            architecture = dataclasses.replace(published, resolution_px=side)
            turns = 2 if args.quick else 11 if side == 64 else 5
            seconds, failures = race(architecture, names, turns)
            where = f"{source}, {side} px"
            add_figures(report, where, names, seconds, failures)
            report.details[where] = {"seconds": seconds, "failures": failures}
    report.notes += [
        f"multiples of the passes that a proxy needs, batch {BATCH}; 'own' are those that it runs itself",
        "synaptic: the float64 copy of the network comes on top of the pass, and for dss singular values",
        f"l_swag, ntk_condition: {BATCH} gradients of every weight are written where a pass writes their sum",
    ]
    report.details |= {"batch": BATCH, "own_passes": OWN_PASSES}
    common.finish(report, args)


def add_figures(
    report: common.Report,
    where: str,
    names: list[str],
    seconds: Mapping[str, float],
    failures: Mapping[str, str],
) -> None:
    """A line for each proxy, and for sets that share passes."""
    for name in names:
        if name in failures:
            report.notes.append(f"{where}: {name} has no score: {failures[name]}")
            continue
        kind, times = needed(name)
        passes = times * seconds[kind]
        label = f"{kind} x {times:.3g}" if times != 1 else kind
        own = "own " if name in OWN_PASSES else ""
        report.add(
            f"{where}: {name}, {common.number(1e3 * seconds[name])} ms",
            seconds[name] / passes,
            "x",
            target="<= 1.3",
            beside=f"{own}{label}: {common.number(1e3 * passes)} ms",
        )
    for what in ("shown together", "all of one pass together"):
        kind = "forward" if what.startswith("shown") else "backward"
        beside = f"{kind}: {common.number(1e3 * seconds[kind])} ms"
        report.add(f"{where}: {what}", seconds[what] / seconds[kind], "x", beside=beside)
    # building a network is part of scoring it, and no part of its passes: shown both ways
    report.add(
        f"{where}: shown, and building the network",
        seconds["shown with building"] / seconds["forward"],
        "x",
        beside=f"forward: {common.number(1e3 * seconds['forward'])} ms",
    )


def needed(name: str) -> tuple[str, float]:
    """The pass that a proxy needs, and how often."""
    proxy = load_proxy(name)
    if proxy.needs == "network":
        return OWN_PASSES.get(name, ("backward", 1.0))
    if proxy.needs == "backward" and proxy.passes > 1:
        return "halves", 1.0
    return ("backward" if proxy.needs == "samples" else proxy.needs), 1.0


def race(architecture: Architecture, names: list[str], turns: int) -> tuple[dict[str, float], dict[str, str]]:
    """Median seconds of passes, proxies and sets of proxies; and the proxies that have no score."""
    torch.manual_seed(0)
    network = build(architecture).train()
    side = architecture.resolution_px
    images = torch.randn(BATCH, architecture.in_channels, side, side)
    labels = torch.randint(architecture.classes, (BATCH,))
    single = [n for n in names if load_proxy(n).needs in SHARED and load_proxy(n).passes == 1]
    failures = score(network, names, images, labels)
    works: dict[str, Callable[[], Any]] = passes_of(network, images, labels)
    works |= {n: (lambda n=n: score(network, [n], images, labels)) for n in names if n not in failures}
    works["shown together"] = lambda: score(network, SHOWN, images, labels)
    works["all of one pass together"] = lambda: score(network, single, images, labels)
    works["shown with building"] = lambda: measure(
        architecture, SHOWN, repeats=1, resolution_px=side, batch=BATCH
    )
    times: dict[str, list[float]] = {what: [] for what in works}
    for turn in range(turns + 1):
        for what, work in works.items():
            elapsed = common.seconds(work)
            if turn:  # the first turn warms up
                times[what].append(elapsed)
    return {what: statistics.median(values) for what, values in times.items()}, failures


def score(network: nn.Module, names: Any, images: Tensor, labels: Tensor) -> dict[str, str]:
    """Run proxies on a built network; the failures."""
    return run_proxies(network, {n: load_proxy(n)() for n in names}, images, labels).failures


def passes_of(network: nn.Module, images: Tensor, labels: Tensor) -> dict[str, Callable[[], Any]]:
    """The network's own passes, with nothing attached."""
    positive = copy.deepcopy(network).double()
    one = torch.ones_like(images[:2], dtype=torch.float64)[:1]
    for module in positive.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()
    followed = images.clone().requires_grad_()

    def back(network: nn.Module, loss: Tensor) -> None:
        network.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]

    def forward() -> None:
        with torch.no_grad():
            network(images)

    def halves() -> None:
        for part, targets in zip(images.chunk(2), labels.chunk(2), strict=True):
            back(network, loss_of(network(part), targets))

    def synaptic() -> None:
        output = positive(one)
        heads = (output,) if isinstance(output, Tensor) else output
        back(positive, torch.stack([logits.sum() for logits in heads]).sum())

    return {
        "forward": forward,
        "backward": lambda: back(network, loss_of(network(images), labels)),
        "halves": halves,
        "to_images": lambda: torch.autograd.grad(loss_of(network(followed), labels), followed),
        "synaptic": synaptic,
    }


if __name__ == "__main__":
    main()
