"""Scores of a built network by several proxies, which share one forward and at most one backward pass."""

from __future__ import annotations

import dataclasses
import functools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vitnas import plugins
from vitnas.arch.build import build
from vitnas.arch.schema import Architecture
from vitnas.errors import InvalidArchitecture, InvalidInput
from vitnas.quality.proxies._base import Gradients, Proxy, weight_layers

FALLBACK_SIDES_PX = (64, 96, 128, 160, 192, 224)


@dataclass(frozen=True)
class Measurement:
    """What proxies said of one network.

    Attributes:
        scores: by proxy, averaged over the repeats; as defined, so not always higher is better.
        spreads: standard deviation over the repeats (0 for one).
        failures: proxy -> why it has no score.
        resolution_px: side of the images that were used.
        seconds: for all of it, building included.
        notes: what differed from what was asked for.
    """

    scores: dict[str, float]
    spreads: dict[str, float]
    failures: dict[str, str]
    resolution_px: int
    batch: int
    seed: int
    repeats: int
    seconds: float
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {**dataclasses.asdict(self), "notes": list(self.notes)}


@dataclass
class Pass:
    """One initialisation: scores and failures by proxy."""

    scores: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


def load_proxy(name: str) -> type[Proxy]:
    """The class of a proxy.

    Raises:
        UnknownName: no such proxy.
        InvalidInput: a plugin that is no ``Proxy``.
    """
    found = plugins.load_plugin("proxy", name)
    if not (isinstance(found, type) and issubclass(found, Proxy)):
        raise InvalidInput(f"proxy '{name}' must be a class derived from vitnas.quality.proxies.Proxy")
    return found


def measure(
    architecture: Architecture,
    proxies: Sequence[str],
    *,
    seed: int = 0,
    repeats: int | None = None,
    resolution_px: int | None = None,
    batch: int | None = None,
) -> Measurement:
    """Score a network at initialisation.

    Args:
        architecture: what to build.
        proxies: their names.
        seed: of weights, images (Gaussian) and labels (uniform); repeat k uses seed + k.
        repeats: fresh initialisations; None is what the most demanding proxy wants, and likewise below.
        resolution_px: side of the images. If an operator refuses it, the smallest usual side that works.
        batch: images.

    Raises:
        UnknownName: no such proxy.
        InvalidArchitecture: the network cannot be built at any resolution.
    """
    started = time.perf_counter()
    classes = {name: load_proxy(name) for name in proxies}
    wanted = resolution_px or max((c.resolution_px for c in classes.values()), default=64)
    repeats = repeats or max((c.repeats for c in classes.values()), default=1)
    batch = batch or max((c.batch for c in classes.values()), default=8)
    sized, notes = fitted_resolution(architecture, wanted)
    runs = []
    for k in range(repeats):
        # the caller's random state stays as it is
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed + k)
            network = build(sized)
            images = torch.randn(batch, sized.in_channels, sized.resolution_px, sized.resolution_px)
            labels = torch.randint(sized.classes, (batch,))
            runs.append(run_proxies(network, {n: c() for n, c in classes.items()}, images, labels))
    failures = {name: why for run in reversed(runs) for name, why in run.failures.items()}
    values = {n: [run.scores[n] for run in runs] for n in classes if n not in failures}
    means = {name: sum(v) / len(v) for name, v in values.items()}
    spreads = {n: math.sqrt(sum((x - means[n]) ** 2 for x in v) / len(v)) for n, v in values.items()}
    seconds = time.perf_counter() - started
    return Measurement(
        means, spreads, failures, sized.resolution_px, batch, seed, repeats, seconds, tuple(notes)
    )


def fitted_resolution(architecture: Architecture, wanted_px: int) -> tuple[Architecture, list[str]]:
    """The architecture at ``wanted_px``, or at the smallest larger usual side that its operators accept."""
    sides = [wanted_px, *(s for s in FALLBACK_SIDES_PX if s > wanted_px), architecture.resolution_px]
    problem: InvalidArchitecture | None = None
    for side in dict.fromkeys(sides):
        sized = dataclasses.replace(architecture, resolution_px=side)
        try:
            with torch.device("meta"):
                build(sized)
        except InvalidArchitecture as error:
            problem = problem or error
            continue
        notes = [] if side == wanted_px else [f"{side} px instead of {wanted_px} px: {problem}"]
        return sized, notes
    assert problem is not None
    raise problem


def run_proxies(network: nn.Module, proxies: dict[str, Proxy], images: Tensor, labels: Tensor) -> Pass:
    """Attach all proxies, run the batch once, and score; nothing that goes wrong here is raised.

    The network is in training mode (batch normalisation uses the batch: the running statistics of an
    untrained network mean nothing). Its gradients are cleared.
    """
    outcome = Pass()
    backward = any(p.needs == "backward" for p in proxies.values())
    parts = max((p.passes for p in proxies.values()), default=1)
    network.train()
    handles = [handle for proxy in proxies.values() for handle in proxy.attach(network)]
    gradients: Gradients | None = None
    broken = {"forward": "", "backward": ""}
    try:
        batches = []
        for part, targets in zip(images.chunk(parts), labels.chunk(parts), strict=True):
            with torch.set_grad_enabled(backward):
                loss = loss_of(network(part), targets)
            if backward and not broken["backward"]:
                try:
                    batches.append(_gradients(network, loss))
                except RuntimeError as error:
                    broken["backward"] = f"the backward pass failed: {error}"
        gradients = Gradients(network, batches) if backward and not broken["backward"] else None
    except (RuntimeError, ValueError) as error:
        broken = dict.fromkeys(broken, f"the forward pass failed: {error}")
    finally:
        for handle in handles:
            handle.remove()
    for name, proxy in proxies.items():
        reason = broken["backward"] if proxy.needs == "backward" else broken["forward"]
        if proxy.needs == "network":
            _keep(outcome, name, functools.partial(proxy.measure, network, images), "")
        else:
            _keep(outcome, name, functools.partial(proxy.score, gradients), reason)
    return outcome


def _keep(outcome: Pass, name: str, scored: Callable[[], float], reason: str) -> None:
    """Put one proxy's score or the reason of its absence into ``outcome``."""
    if not reason:
        try:
            value = scored()
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
        else:
            if math.isfinite(value):
                outcome.scores[name] = value
                return
            reason = f"the score is {value}"
    outcome.failures[name] = " ".join(reason.split())


def loss_of(output: Tensor | tuple[Tensor, ...], labels: Tensor) -> Tensor:
    """Cross-entropy with ``labels`` (B,), the mean over the heads (distillation has two)."""
    heads = (output,) if isinstance(output, Tensor) else output
    losses = [F.cross_entropy(logits, labels) for logits in heads]
    return torch.stack(losses).mean()


def _gradients(network: nn.Module, loss: Tensor) -> dict[str, Tensor]:
    """Gradients of the loss by layer name; those of the network are cleared."""
    layers = [(name, layer) for name, layer in weight_layers(network) if layer.weight.requires_grad]
    found = torch.autograd.grad(loss, [layer.weight for _, layer in layers], allow_unused=True)
    return {name: g for (name, _), g in zip(layers, found, strict=True) if g is not None}
