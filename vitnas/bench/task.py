"""What a worker does with a network: decode its genome, build it, measure it."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np

from vitnas.arch.schema import Architecture
from vitnas.cost.device import Device
from vitnas.cost.pricer import trace_architecture
from vitnas.quality.measure import load_proxy
from vitnas.space.files import load_space
from vitnas.space.space import Space
from vitnas.store.evaluation import Evaluation
from vitnas.workers.base import Failure

ALL = -1  # turn of a task that does every repeat
Item = tuple[bytes, int]  # genome, and turn: which repeat


@dataclass(frozen=True)
class Work:
    """What all tasks of a kind share: it goes to each worker once, and a task is a genome.

    Attributes:
        document: of the space.
        proxies: to score with.
        health: whether to make one forward and backward pass, and ask the devices what they know.
        devices: asked, with ``health``.
        seed: of weights, images and labels; repeat k uses seed + k.
        images: source of real images; None for Gaussian ones.
        torch_device: where proxies compute.
    """

    document: Mapping[str, Any]
    proxies: tuple[str, ...]
    health: bool = False
    devices: tuple[Device, ...] = ()
    seed: int = 0
    images: str | None = None
    torch_device: str = "cpu"

    def __setstate__(self, state: dict[str, Any]) -> None:
        """In a worker: its first network shall take no longer than the others."""
        self.__dict__.update(state)
        load_shapes()

    @functools.cached_property
    def space(self) -> Space:
        """Read once in the life of a worker."""
        return load_space(self.document)

    @functools.cached_property
    def turns(self) -> tuple[int, ...]:
        """One, or one for each repeat that the proxies want: a network can keep several workers busy."""
        repeats = max((load_proxy(name).repeats for name in self.proxies), default=1)
        return (ALL,) if self.health or repeats == 1 else tuple(range(repeats))


def load_shapes() -> None:
    """Let torch import what it wants at the first inference of shapes: a thousand modules, two seconds."""
    import torch

    with torch.device("meta"):
        torch.nn.BatchNorm2d(1)(torch.zeros(2, 1, 2, 2))


def run_task(work: Work, item: Item) -> Evaluation:
    """What a worker does: decode a genome, build the network, measure it, say what came out."""
    import torch

    from vitnas.quality.data.images import load_images
    from vitnas.quality.health import check_health
    from vitnas.quality.measure import measure

    torch.set_num_threads(1)  # sums depend on how they are split: figures must not depend on the workers
    genome, turn = item
    architecture = work.space.decode(np.frombuffer(genome, np.uint8))
    record = Evaluation(id=architecture.id)
    proxies = [name for name in work.proxies if turn == ALL or load_proxy(name).repeats > turn]
    if proxies:
        measured = measure(
            architecture,
            proxies,
            seed=work.seed + max(turn, 0),
            repeats=None if turn == ALL else 1,
            images=load_images(work.images) if work.images else None,
            device=work.torch_device,
        )
        record["scores"] = dict(measured.scores)
        record["failures"] = dict(measured.failures)
        record["seconds"] = measured.seconds
    if work.health:
        record["health"] = check_health(architecture, seed=work.seed).to_dict()
        record["out_of_domain"] = _out_of_domain(architecture, work.devices)
    return record


def merged(repeats: Sequence[Evaluation | Failure]) -> Evaluation:
    """The evaluations of one network's repeats as one: what `measure` says of all of them together."""
    done: list[Evaluation] = []
    for result in repeats:
        if isinstance(result, Failure):
            return Evaluation(failure=result.reason)
        done.append(result)
    if len(done) == 1:
        return done[0]
    failures = {name: reason for r in reversed(done) for name, reason in r["failures"].items()}
    names = [name for name in done[0]["scores"] if name not in failures]
    scores = {name: fmean(r["scores"][name] for r in done if name in r["scores"]) for name in names}
    seconds = sum(r["seconds"] for r in done)
    return Evaluation(id=done[0]["id"], scores=scores, failures=failures, seconds=seconds)


def _out_of_domain(architecture: Architecture, devices: Sequence[Device]) -> list[str]:
    """Why a device's prediction would be a guess; says which device where there are several."""
    if not devices:
        return []
    traced = trace_architecture(architecture)
    return [
        f"{device.name}: {reason}" if len(devices) > 1 else reason
        for device in devices
        for reason in device.out_of_domain(traced)
    ]
