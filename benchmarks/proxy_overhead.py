"""What each proxy costs on a built network, as a multiple of the passes that it needs, one core.

A plain ViT (DeiT-Ti) and a hybrid (EfficientFormerV2-S2), at 64 and 224 px. Each proxy takes turns with its
passes, run on the same network with nothing attached, and the ratio is the median of the turns' ratios. Time
is the processor's, so that other processes count little:

- forward: without gradients;
- backward: forward, and backward to all parameters;
- halves: the same in two halves of the batch;
- to_images: forward, and backward to the images only;
- synaptic: forward and backward of one image, the parameters already in float64.
"""

from __future__ import annotations

import copy
import dataclasses
import statistics
import time
from collections.abc import Callable
from typing import Any

import _common as common
import torch
from torch import Tensor, nn

from vitnas import plugins
from vitnas.arch.build import build
from vitnas.arch.schema import Architecture
from vitnas.quality.measure import measure
from vitnas.quality.proxies._passes import loss_of, run_proxies
from vitnas.quality.proxy import load_proxy
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


# what comes on top of the passes, and what bounds it
ON_TOP = (
    "zen: a random number for every weight",
    "trainability: the largest eigenvalue of a (C, C) matrix for each pair of features of C channels",
    "expressivity: all eigenvalues of one for each feature",
    "synaptic proxies: weights are written in float64, gradients are read twice",
    "auto_prox: sigmoids of gradients in float64; dss: eigenvalues for each weight of attention",
    f"l_swag, ntk_condition: {BATCH} gradients of every weight are written and read, a pass writes their sum",
    "forward proxies at 64 px: calls from Python, of hooks among others, are a good part of the pass",
)


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
            where = f"{source}, {side} px"
            turns = 1 if args.quick else 9 if side == 64 else 3
            report.details[where] = compare(report, where, architecture, names, turns)
    report.notes += [f"batch {BATCH}; 'own' passes are those that a proxy runs itself", *ON_TOP]
    report.details |= {"batch": BATCH, "own_passes": OWN_PASSES}
    common.finish(report, args)


def compare(
    report: common.Report, where: str, architecture: Architecture, names: list[str], turns: int
) -> dict[str, Any]:
    """A line for each proxy, and for sets that share passes; the seconds of both sides."""
    torch.manual_seed(0)
    network = build(architecture).train()
    side = architecture.resolution_px
    images = torch.randn(BATCH, architecture.in_channels, side, side)
    labels = torch.randint(architecture.classes, (BATCH,))
    passes = passes_of(network, images, labels)
    details: dict[str, Any] = {}

    def add(what: str, kind: str, times: float, work: Callable[[], Any], target: str) -> None:
        pairs = race(passes[kind], work, turns)
        ratio = statistics.median(b / (times * a) for a, b in pairs)
        one, other = (statistics.median(column) for column in zip(*pairs, strict=True))
        details[what] = {"seconds": other, "pass": kind, "times": times, "pass_seconds": one, "ratio": ratio}
        label = kind if times == 1 else f"{kind} x {times:.3g}"
        own = "own " if what in OWN_PASSES else ""
        beside = f"{own}{label}: {common.number(1e3 * times * one)} ms"
        shown = f"{where}: {what}, {common.number(1e3 * other)} ms"
        report.add(shown, ratio, "x", target=target, beside=beside)

    for name in names:
        failures = score(network, [name], images, labels)  # this warms up too
        if failures:
            report.notes.append(f"{where}: {name} has no score: {failures[name]}")
            continue
        add(name, *needed(name), lambda name=name: score(network, [name], images, labels), "<= 1.3")
    single = [n for n in names if load_proxy(n).needs in SHARED and load_proxy(n).passes == 1]
    add("shown together", "forward", 1.0, lambda: score(network, SHOWN, images, labels), "")
    add("all of one pass together", "backward", 1.0, lambda: score(network, single, images, labels), "")
    # building a network is part of scoring it, and no part of its passes: shown both ways
    add(
        "shown, and building the network",
        "forward",
        1.0,
        lambda: measure(architecture, SHOWN, repeats=1, resolution_px=side, batch=BATCH),
        "",
    )
    return details


def race(one: Callable[[], Any], other: Callable[[], Any], turns: int) -> list[tuple[float, float]]:
    """Seconds of processor time of both, turn by turn, after one call of the first that does not count."""
    one()
    return [(processor_seconds(one), processor_seconds(other)) for _ in range(turns)]


def processor_seconds(work: Callable[[], Any]) -> float:
    """Of one call."""
    started = time.process_time()
    work()
    return time.process_time() - started


def needed(name: str) -> tuple[str, float]:
    """The pass that a proxy needs, and how often."""
    proxy = load_proxy(name)
    if proxy.needs == "network":
        return OWN_PASSES.get(name, ("backward", 1.0))
    if proxy.needs == "backward" and proxy.passes > 1:
        return "halves", 1.0
    return ("backward" if proxy.needs == "samples" else proxy.needs), 1.0


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
