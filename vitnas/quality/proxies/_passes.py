"""Scores of a built network by several proxies, which share the passes that they need."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from vitnas.errors import describe
from vitnas.plugins import where
from vitnas.quality.proxies._base import Gradients, Needs, Proxy, weight_layers
from vitnas.quality.proxies._samples import SampleGradients
from vitnas.quality.proxies._synaptic import positive, synaptic_gradients
from vitnas.quality.proxies._unchanged import unchanged

SHARED: tuple[Needs, ...] = ("forward", "backward", "samples")
Proxies = Mapping[str, Proxy]
Run = Callable[[Proxies], Gradients | None]


@dataclass
class Outcome:
    """One initialisation, by proxy: scores, why there is none, and seconds."""

    scores: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def keep(self, name: str, scored: Callable[[], float], passes_s: float = 0.0) -> None:
        """Add one proxy's score, or what went wrong; ``passes_s`` are of the passes that it needed."""
        started = time.perf_counter()
        try:
            value = scored()
        except Exception as error:
            self.fail(name, describe(error) + where(error))
        else:
            if math.isfinite(value):
                self.scores[name] = value
            else:
                self.fail(name, f"the score is {value}")
        self.seconds[name] = passes_s + time.perf_counter() - started

    def fail(self, name: str, reason: str) -> None:
        """Note why a proxy has no score."""
        self.failures[name] = " ".join(reason.split())


class _PassFailed(Exception):
    """A forward or backward pass that could not be finished."""


def derived_seed(seed: int, name: str) -> int:
    """A seed of its own for everything that draws: what one draws changes nothing for another."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:7], "big")


def _seed(seed: int, device: torch.device) -> None:
    """As ``torch.manual_seed``, of the generators that are used here only, in a hundredth of its time."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)


def run_proxies(
    network: nn.Module, proxies: Proxies, images: Tensor, labels: Tensor, *, seed: int = 0
) -> Outcome:
    """Attach all proxies, run the passes that they need, and score; nothing that goes wrong here is raised.

    Forward, backward and per-sample proxies share one forward and at most one backward pass (one for every
    number of parts of the batch that is asked for); synaptic proxies share another; a "network" proxy runs
    its own. A proxy's score does not depend on which others are asked for.

    The network is in training mode (batch normalisation uses the batch: the running statistics of an
    untrained network mean nothing). It gets no gradients, and its buffers stay as they were.

    Args:
        network: on the images' device.
        proxies: fresh objects by name.
        images: (B, C, H, W).
        labels: (B,).
        seed: of what the proxies and the network's own random layers draw.
    """
    outcome = Outcome()
    network.train()
    shared = {name: proxy for name, proxy in proxies.items() if proxy.needs in SHARED}
    synaptic = {name: proxy for name, proxy in proxies.items() if proxy.needs == "synaptic"}
    with torch.random.fork_rng(devices=[images.device] if images.is_cuda else []):
        for parts in sorted({proxy.passes for proxy in shared.values()}):
            members = {name: proxy for name, proxy in shared.items() if proxy.passes == parts}
            _share(outcome, members, functools.partial(_run_batch, network, images, labels, seed))
        if synaptic:
            _share(outcome, synaptic, functools.partial(_run_synaptic, network, images, seed))
        for name, proxy in proxies.items():
            if proxy.needs == "network":
                _seed(derived_seed(seed, name), images.device)
                with unchanged(network, weights=False):
                    outcome.keep(name, functools.partial(proxy.measure, network, images))
                network.train()
    return outcome


def _share(outcome: Outcome, proxies: Proxies, run: Run) -> None:
    """Score proxies that read one pass; if it fails, each by itself: one's hook must not cost another's."""
    started = time.perf_counter()
    try:
        gradients = run(proxies)
    except _PassFailed as failure:
        if len(proxies) == 1:
            (name,) = proxies
            outcome.fail(name, str(failure))
            outcome.seconds[name] = time.perf_counter() - started
            return
        for name, proxy in proxies.items():
            _share(outcome, {name: type(proxy)()}, run)
        return
    passes_s = time.perf_counter() - started
    for name, proxy in proxies.items():
        read = gradients if proxy.needs in ("backward", "synaptic") else None
        outcome.keep(name, functools.partial(proxy.score, read), passes_s)


def _run_batch(
    network: nn.Module, images: Tensor, labels: Tensor, seed: int, proxies: Proxies
) -> Gradients | None:
    """The pass over the images; gradients of the mean loss if one of the proxies needs them."""
    kinds = {proxy.needs for proxy in proxies.values()}
    parts = max(proxy.passes for proxy in proxies.values())
    viewers = [proxy for proxy in proxies.values() if proxy.needs == "samples"]
    size = min((proxy.part_elements for proxy in viewers), default=None)

    def show(layer: str, gradients: Tensor) -> None:
        for proxy in viewers:
            proxy.see(layer, gradients)

    _seed(derived_seed(seed, "batch"), images.device)
    batches = []
    with _attached(network, proxies) as handles, unchanged(network, weights=False):
        for part, targets in zip(images.chunk(parts), labels.chunk(parts), strict=True):
            watch = SampleGradients(network, len(part), show, part_elements=size) if viewers else None
            handles += watch.handles if watch else []
            # the images' gradient makes the backward pass visit every layer, without the weights' gradients
            part = part.detach().requires_grad_(watch is not None)
            with _named("the forward pass failed"), torch.set_grad_enabled(kinds != {"forward"}):
                loss = loss_of(network(part), targets)
            with _named("the backward pass failed"):
                if kinds != {"forward"}:
                    batches.append(_gradients(network, loss, part, "backward" in kinds))
                if watch:
                    watch.finish()
    return Gradients(network, batches) if "backward" in kinds else None


def _run_synaptic(network: nn.Module, images: Tensor, seed: int, proxies: Proxies) -> Gradients:
    """The pass over the network without signs, for an image of the shape of these."""
    _seed(derived_seed(seed, "synaptic"), images.device)
    with positive(network), _attached(network, proxies), _named("the synaptic pass failed"):
        return synaptic_gradients(network, tuple(images.shape[1:]))


@contextlib.contextmanager
def _attached(network: nn.Module, proxies: Proxies) -> Iterator[list[RemovableHandle]]:
    """The proxies' hooks, while it lasts; what is added to the list is removed with them."""
    handles: list[RemovableHandle] = []
    try:
        for proxy in proxies.values():
            with _named("it cannot be attached"):
                handles += proxy.attach(network)
        yield handles
    finally:
        for handle in handles:
            handle.remove()


@contextlib.contextmanager
def _named(what: str) -> Iterator[None]:
    """Say which part of a pass an error broke."""
    try:
        yield
    except Exception as error:
        raise _PassFailed(f"{what}: {error}{where(error)}") from error


def loss_of(output: Tensor | tuple[Tensor, ...], labels: Tensor) -> Tensor:
    """Cross-entropy with ``labels`` (B,), the mean over the heads (distillation has two)."""
    heads = (output,) if isinstance(output, Tensor) else output
    losses = [F.cross_entropy(logits, labels) for logits in heads]
    return torch.stack(losses).mean()


def _gradients(network: nn.Module, loss: Tensor, images: Tensor, of_weights: bool) -> dict[str, Tensor]:
    """Gradients of the loss by layer name, if wanted; the network keeps none."""
    layers = [(name, layer) for name, layer in weight_layers(network) if layer.weight.requires_grad]
    inputs: list[Tensor] = [layer.weight for _, layer in layers] if of_weights else []
    wanted = [*inputs, images] if images.requires_grad else inputs
    found = torch.autograd.grad(loss, wanted, allow_unused=True)[: len(inputs)]
    return {name: g for (name, _), g in zip(layers, found, strict=False) if g is not None}
