"""A network's first forward and backward pass: does anything break, die or explode?

Not a score. A network that fails here is not worth training; one that passes may still be poor.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from vitnas.arch.build import build
from vitnas.arch.network import Network
from vitnas.arch.schema import Architecture
from vitnas.errors import InvalidArchitecture, PluginError
from vitnas.formats.resolution import Resolution
from vitnas.plain import plain
from vitnas.quality.proxies._passes import loss_of

CONSTANT_SPREAD = 1e-6  # standard deviation over RMS below which an output says nothing
EXPLODED_RMS = 1e3  # of activations; images have 1, and sound blocks stay near it
EXPLODED_GRADIENT = 1e3  # norm of one block's gradient; 0.01 to 2 in the published networks
VANISHED_GRADIENT = 1e-9  # of the largest block's

Output = Tensor | tuple[Tensor, ...]
Verdict = Literal["ok", "suspicious", "broken"]


@dataclass(frozen=True)
class BlockHealth:
    """One block in the pass.

    Attributes:
        path: ``stem``, ``stages.I.down``, ``stages.I.blocks[K]`` or ``head``.
        activation_rms: root mean square of its output.
        gradient_norm: Euclidean norm of the loss's gradient with respect to its parameters.
        problems: what is wrong with it; empty for a sound block.
    """

    path: str
    activation_rms: float
    gradient_norm: float
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Health:
    """Result of ``check_health``.

    Attributes:
        verdict: "broken": something is not finite or cannot run; "suspicious": a dead or exploding block.
        reasons: one line for each problem.
        loss: cross-entropy with random labels; ln(classes) is what an untrained network should have.
        seconds: for all of it, building included.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    loss: float
    blocks: tuple[BlockHealth, ...]
    resolution_px: Resolution
    batch: int
    seed: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """As JSON: what is not finite becomes null."""
        return plain(dataclasses.asdict(self))  # type: ignore[no-any-return]


@dataclass
class _Seen:
    """What the hook of a block noted of its output."""

    rms: float = math.nan
    spread: float = math.nan
    finite: bool = False


def check_health(architecture: Architecture, *, seed: int = 0, batch: int = 2) -> Health:
    """Run one real forward and backward pass of a fresh network at its own resolution.

    Args:
        architecture: what to build.
        seed: of weights, images (Gaussian) and labels (uniform).
        batch: images; two or more, for batch normalisation.

    Nothing is raised for a network that cannot be built or run: that is the verdict.
    """
    started = time.perf_counter()
    seen: dict[str, _Seen] = {}
    loss = math.nan
    reasons: list[str] = []
    blocks: tuple[BlockHealth, ...] = ()
    size = architecture.resolution_px
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            network = build(architecture)
            loss = _run(network, _batch(architecture, batch), seen)
            blocks = _judged(network, seen)
        except PluginError as error:
            reasons = [f"it cannot run: {error}"]
        except (InvalidArchitecture, RuntimeError, ValueError) as error:
            reasons = [f"it cannot run: {type(error).__name__}: {' '.join(str(error).split())}"]
    broken = bool(reasons)
    if not broken and not math.isfinite(loss):
        broken, reasons = True, [f"the loss is {loss}"]
    broken = broken or any("not finite" in problem for block in blocks for problem in block.problems)
    reasons += [f"{block.path}: {problem}" for block in blocks for problem in block.problems]
    verdict: Verdict = "broken" if broken else "suspicious" if reasons else "ok"
    return Health(verdict, tuple(reasons), loss, blocks, size, batch, seed, time.perf_counter() - started)


def _batch(architecture: Architecture, batch: int) -> tuple[Tensor, Tensor]:
    """Images (B, C, H, W) and labels (B,)."""
    images = torch.randn(batch, *architecture.input_shape)
    return images, torch.randint(max(architecture.classes, 1), (batch,))


def named_blocks(network: Network) -> dict[str, nn.Module]:
    """The parts of a network by path, in order; a stage without down-sampling has no such part."""
    found: dict[str, nn.Module] = {"stem": network.stem}
    for index, stage in enumerate(network.stages):
        down = stage.down
        if not isinstance(down, nn.Identity):
            found[f"stages.{index}.down"] = down  # type: ignore[assignment]
        for k, block in enumerate(stage.blocks):  # type: ignore[arg-type]
            found[f"stages.{index}.blocks[{k}]"] = block
    return {**found, "head": network.head}


def _run(network: Network, batch: tuple[Tensor, Tensor], seen: dict[str, _Seen]) -> float:
    """The loss after one forward and backward pass in training mode; fills ``seen`` by block."""
    images, labels = batch
    network.train().set_distilled_training(network.distilled)
    handles = [
        block.register_forward_hook(_hook(path, seen)) for path, block in named_blocks(network).items()
    ]
    try:
        loss = loss_of(network(images), labels)
        loss.backward()  # type: ignore[no-untyped-call]
    finally:
        for handle in handles:
            handle.remove()
    return float(loss.detach())


def _hook(path: str, seen: dict[str, _Seen]) -> Callable[[nn.Module, Any, Output], None]:
    def note(module: nn.Module, inputs: Any, output: Output) -> None:
        y = (output if isinstance(output, Tensor) else torch.cat(output)).detach().float()
        deviation, mean = torch.std_mean(y, correction=0)
        rms = math.hypot(float(deviation), float(mean))
        seen[path] = _Seen(rms, float(deviation), math.isfinite(rms))

    return note


def _judged(network: Network, seen: dict[str, _Seen]) -> tuple[BlockHealth, ...]:
    """Every block with its figures and problems."""
    norms = {path: _gradient_norm(block) for path, block in named_blocks(network).items()}
    largest = max((norm for norm in norms.values() if norm is not None and math.isfinite(norm)), default=0.0)
    blocks = []
    for path, norm in norms.items():
        problems = [*_activation_problems(seen[path]), *_gradient_problems(norm, largest)]
        blocks.append(BlockHealth(path, seen[path].rms, 0.0 if norm is None else norm, tuple(problems)))
    return tuple(blocks)


def _activation_problems(seen: _Seen) -> list[str]:
    if not seen.finite:
        return ["dead or exploded: its output is not finite"]
    if seen.spread <= CONSTANT_SPREAD * seen.rms:
        return ["dead: its output is constant"]
    if seen.rms > EXPLODED_RMS:
        return [f"exploding: its output has RMS {seen.rms:.3g}"]
    return []


def _gradient_problems(norm: float | None, largest: float) -> list[str]:
    if norm is None:  # nothing to learn in this block
        return []
    if not math.isfinite(norm):
        return ["its gradient is not finite"]
    if norm <= VANISHED_GRADIENT * largest:
        return ["dead: its gradient is zero" if norm == 0 else f"dead: its gradient is {norm:.3g}"]
    if norm > EXPLODED_GRADIENT:
        return [f"exploding: its gradient has norm {norm:.3g}"]
    return []


def _gradient_norm(block: nn.Module) -> float | None:
    """Norm of the gradients of a block's parameters; None if it has none to learn."""
    parameters = [p for p in block.parameters() if p.requires_grad]
    if not parameters:
        return None
    norms = [p.grad.norm().double() for p in parameters if p.grad is not None]
    return float(torch.stack(norms).norm()) if norms else 0.0
