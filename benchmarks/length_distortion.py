"""As-ViT's two proxies beside the ways to compute them that its authors' code and torch offer.

Length distortion: forward mode for all points and coordinates at once, beside one backward pass for every
coordinate of the features (the released code, here with torch's own attention and in one batch). Condition
number: gradients of each image where one backward pass comes by, beside a backward pass for every image (the
released code) and ``torch.func.vmap`` of the gradient. The same weights, points and images; one core, CPU
time, since other work on the machine should not count. What stands beside ours has torch's own attention;
ours is shown with and without attention in first order, see `vitnas.quality.proxies._attention`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from typing import TypeVar

import _common as common
import numpy as np
import torch
from torch import Tensor, nn

from vitnas.arch.build import build
from vitnas.arch.schema import Architecture
from vitnas.quality.measure import measure
from vitnas.quality.proxies import _attention
from vitnas.quality.proxies._pooled import pooled_features, without_norms
from vitnas.quality.proxies.length_distortion import ANGLES, LengthDistortion
from vitnas.quality.proxies.ntk_condition import tangent_kernel
from vitnas.space.files import load_architecture, load_space

T = TypeVar("T")

PROXIES = ("ntk_condition", "length_distortion")


def main() -> None:
    """Run the benchmark."""
    args = common.arguments(__doc__)
    torch.set_num_threads(1)
    side, count = (64, 1) if args.quick else (224, 1)
    space = load_space("asvit")
    drawn = [space.decode(genome) for genome in space.sample(count, np.random.default_rng(0))]
    networks = [dataclasses.replace(a, resolution_px=side) for a in (load_architecture("asvit:seed"), *drawn)]
    report = common.Report("length_distortion", f"As-ViT's proxies, {side} px, one core")
    for architecture in networks:
        add_distortion(report, architecture)
    for architecture in networks[:2]:
        add_kernel(report, architecture)
    add_whole(report, networks)
    report.notes.append("ratio below 1: faster than what stands beside it; CPU seconds")
    common.finish(report, args)


def add_distortion(report: common.Report, architecture: Architecture) -> None:
    """Forward mode and one backward pass for every coordinate."""
    torch.manual_seed(0)
    network = build(architecture).train()
    images = torch.randn(1, 3, architecture.resolution_px, architecture.resolution_px)
    measured = LengthDistortion()

    def forward_mode() -> float:
        torch.manual_seed(1)
        return measured.measure(network, images)

    def backward_passes() -> float:
        torch.manual_seed(1)
        return by_coordinate(network, architecture.resolution_px)

    forward_mode()  # loads what torch needs
    quick_s, quick = cpu_seconds(forward_mode, repeats=3)
    with as_it_is():
        exact_s, _ = cpu_seconds(forward_mode, repeats=3)
    slow_s, slow = cpu_seconds(backward_passes)
    channels = architecture.stages[-1].width
    report.add(
        f"length distortion, {architecture.name}",
        quick_s,
        "s",
        beside=f"{channels} backward passes",
        other=slow_s,
    )
    report.add("  times faster", slow_s / quick_s, "x", target=">= 30")
    report.add("  times faster with attention as it is", slow_s / exact_s, "x", target=">= 30")
    report.add("  relative difference", abs(quick / slow - 1), target="<= 1e-5")
    report.details[f"length distortion, {architecture.name}"] = {"forward": quick, "backward": slow}


def by_coordinate(network: nn.Module, side_px: int) -> float:
    """Length distortion as the released code has it, in one batch of all 10 points."""
    plane = torch.linalg.svd(torch.randn(3 * side_px**2, 2), full_matrices=False)[0]
    t = torch.linspace(0, 2 * math.pi, ANGLES, requires_grad=True)
    points = (plane @ torch.stack((t.cos(), t.sin()))).T.reshape(-1, 3, side_px, side_px)
    with without_norms(network):
        features = pooled_features(network)(points)  # (10, C)
        columns = [torch.autograd.grad(c.sum(), t, retain_graph=True)[0] for c in features.unbind(dim=1)]
    return float(torch.stack(columns, dim=1).double().norm(dim=1).sum())


def add_kernel(report: common.Report, architecture: Architecture) -> None:
    """One backward pass, one for every image, and a vectorised gradient."""
    torch.manual_seed(0)
    network = build(architecture).eval()
    images = torch.randn(16, 3, architecture.resolution_px, architecture.resolution_px)
    ways = {
        "hooks": lambda: tangent_kernel(network, images),
        "16 backward passes": lambda: by_image(network, images),
        "torch.func.vmap": lambda: by_vmap(network, images),
    }
    found = {name: cpu_seconds(way, repeats=3 if name == "hooks" else 1) for name, way in ways.items()}
    hooks_s, kernel = found["hooks"]
    with as_it_is():
        exact_s, _ = cpu_seconds(ways["hooks"], repeats=3)
    values = {name: log_condition(matrix) for name, (_, matrix) in found.items()}
    for name in ("16 backward passes", "torch.func.vmap"):
        other_s, other = found[name]
        report.add(f"tangent kernel, {architecture.name}", hooks_s, "s", beside=name, other=other_s)
        report.add("  with attention as it is", exact_s, "s", beside=name, other=other_s)
        report.add("  relative difference", float((kernel - other).norm() / other.norm()), target="<= 1e-4")
        report.add("  difference of ln kappa", abs(values["hooks"] - values[name]), target="<= 1e-3")
    report.details[f"tangent kernel, {architecture.name}"] = {"ln_kappa": values}


def by_image(network: nn.Module, images: Tensor) -> Tensor:
    """The released code's way: a backward pass for every image, all gradients kept."""
    weights = [
        p for name, p in network.named_parameters() if "weight" in name and not name.startswith("head")
    ]
    rows = []
    for features in pooled_features(network)(images).unbind():
        found = torch.autograd.grad(features.sum(), weights, retain_graph=True)
        rows.append(torch.cat([g.flatten() for g in found]))
    stacked = torch.stack(rows)
    return (stacked @ stacked.T).double()


class Summed(nn.Module):
    """One image (C, H, W) to the sum of its pooled features."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        return pooled_features(self.network)(image[None]).sum()


def by_vmap(network: nn.Module, images: Tensor) -> Tensor:
    """Gradients of all images by ``vmap``."""
    named = dict(network.named_parameters())
    weights = {k: p.detach() for k, p in named.items() if "weight" in k and not k.startswith("head")}
    pooled = Summed(network)

    def summed(parameters: dict[str, Tensor], image: Tensor) -> Tensor:
        renamed = {f"network.{key}": value for key, value in parameters.items()}
        return torch.func.functional_call(pooled, renamed, (image,))  # type: ignore[no-any-return]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of operators that it maps one by one
        found = torch.func.vmap(torch.func.grad(summed), in_dims=(None, 0))(weights, images)
    stacked = torch.cat([g.flatten(1) for g in found.values()], dim=1)
    return (stacked @ stacked.T).detach().double()


def log_condition(kernel: Tensor) -> float:
    """ln of the largest over the smallest eigenvalue."""
    values = torch.linalg.eigvalsh(kernel)
    return float((values[-1] / values[0]).log())


def add_whole(report: common.Report, networks: list[Architecture]) -> None:
    """What the search pays for an architecture: both proxies, 5 initialisations, networks built."""
    found = [cpu_seconds(lambda a=a: measure(a, PROXIES, resolution_px=a.resolution_px)) for a in networks]  # type: ignore[misc]
    seconds = [s for s, _ in found]
    assert not any(measured.failures for _, measured in found)
    report.add("both proxies, 5 initialisations, an architecture", statistics.fmean(seconds), "s")
    report.add("  500 of them on two cores", 500 * statistics.fmean(seconds) / 2 / 60, "min", target="<= 20")
    report.details["scores"] = {
        a.name: {n: [m.scores[n], m.spreads[n]] for n in PROXIES}
        for a, (_, m) in zip(networks, found, strict=True)
    }


@contextlib.contextmanager
def as_it_is() -> Iterator[None]:
    """Attention is computed as it is, however small its logits."""
    usual, _attention.SMALL = _attention.SMALL, -1.0
    try:
        yield
    finally:
        _attention.SMALL = usual


def cpu_seconds(work: Callable[[], T], repeats: int = 1) -> tuple[float, T]:
    """The least of some calls, and what the last gave."""
    spent = []
    for _ in range(repeats):
        started = time.process_time()
        result = work()
        spent.append(time.process_time() - started)
    return min(spent), result


if __name__ == "__main__":
    main()
