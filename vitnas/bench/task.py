"""What a worker does with a network: build it, measure it, say what came out."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, pstdev
from typing import TYPE_CHECKING, Any

import numpy as np

from vitnas.arch.schema import Architecture
from vitnas.cost.device import Device
from vitnas.cost.pricer import trace_architecture
from vitnas.formats.resolution import Resolution, read_resolution
from vitnas.quality.base import Quality
from vitnas.space.files import load_space
from vitnas.space.space import Space
from vitnas.workers.pool import Failure

if TYPE_CHECKING:
    from vitnas.quality.data.images import Images

ALL = -1  # turn of a task that does every repeat
Record = dict[str, Any]  # what was found of a network
Item = tuple[bytes | Mapping[str, Any], int]  # genome or architecture document, and turn: which repeat


@dataclass(frozen=True)
class Draws:
    """What a score depends on besides the proxy and the network; None is each proxy's own.

    Attributes:
        seed: of weights, images and labels; repeat k uses seed + k.
        repeats: fresh initialisations.
        resolution_px: of the images.
        images: a folder or npz of images; None for Gaussian ones.
        device: where to compute.
        batch: images.
    """

    seed: int = 0
    repeats: int | None = None
    resolution_px: Resolution | None = None
    images: str | None = None
    device: str = "cpu"
    batch: int | None = None

    def __post_init__(self) -> None:
        if self.resolution_px is not None:
            sides = read_resolution(self.resolution_px, "`resolution_px`")
            object.__setattr__(self, "resolution_px", sides)

    def load(self) -> Images | None:
        """The images, read once a process."""
        from vitnas.quality.data.images import load_images

        return load_images(self.images) if self.images else None

    def repeats_of(self, quality: Quality) -> int:
        """How often a network is initialised for a quality."""
        return self.repeats or quality.repeats


@dataclass(frozen=True)
class NetworkTask:
    """What all tasks of a kind share: it goes to each worker once, and an item is a network and a turn.

    Attributes:
        qualities: that rate networks, measured in one go.
        draws: what they depend on.
        document: of the space that items are genomes of; without one they are architecture documents.
        also: what else is to be found of an architecture; then every repeat is done in one turn.
    """

    qualities: tuple[Quality, ...] = ()
    draws: Draws = field(default_factory=Draws)
    document: Mapping[str, Any] | None = None
    also: Callable[[Architecture], Record] | None = None

    def of_genomes(self, space: Space) -> NetworkTask:
        """The same with genomes of a space as items."""
        document = {k: v for k, v in space.document.items() if k != "references"}
        return dataclasses.replace(self, document=document)

    def __getstate__(self) -> dict[str, Any]:
        """As it was made: equal tasks are equal bytes, and a space is read where it is needed."""
        return {own.name: getattr(self, own.name) for own in dataclasses.fields(self)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """In a worker: its first network shall take no longer than the others."""
        self.__dict__.update(state)
        load_shapes()

    @functools.cached_property
    def space(self) -> Space:
        """Read once in the life of a worker."""
        assert self.document is not None
        return load_space(self.document)

    @functools.cached_property
    def turns(self) -> tuple[int, ...]:
        """One, or one for each repeat that is wanted: a network can keep several workers busy."""
        repeats = max(map(self.draws.repeats_of, self.qualities), default=1)
        return (ALL,) if self.also or repeats == 1 else tuple(range(repeats))

    def __call__(self, item: Item) -> Record:
        """In a worker: see `find`."""
        import torch

        torch.set_num_threads(1)  # sums depend on how they are split: figures must not depend on the workers
        return self.find(*item)

    def find(self, network: bytes | Mapping[str, Any], turn: int = ALL) -> Record:
        """The network's id, what `quality.measure.Measurement` holds of it, and what ``also`` says."""
        from vitnas.quality.measure import measure

        if isinstance(network, bytes):
            architecture = self.space.decode(np.frombuffer(network, np.uint8))
        else:
            architecture = Architecture.from_dict(network)
        draws = self.draws
        asked = [own for own in self.qualities if turn == ALL or draws.repeats_of(own) > turn]
        found: Record = {"id": architecture.id}
        if asked:
            found |= measure(
                architecture,
                asked,
                seed=draws.seed + max(turn, 0),
                repeats=draws.repeats if turn == ALL else 1,
                resolution_px=draws.resolution_px,
                batch=draws.batch,
                images=draws.load(),
                device=draws.device,
            ).to_dict()
        return found | self.also(architecture) if self.also else found


def load_shapes() -> None:
    """Let torch import what it wants at the first inference of shapes: a thousand modules, two seconds."""
    import torch

    with torch.device("meta"):
        torch.nn.BatchNorm2d(1)(torch.zeros(2, 1, 2, 2))


def merged(turns: Sequence[Record | Failure]) -> Record:
    """What the turns of one network found as one: what `measure` says of all of them together."""
    done: list[Record] = []
    for result in turns:
        if isinstance(result, Failure):
            return {"failure": result.reason}
        done.append(result)
    first = done[0]
    if len(done) == 1:
        return first
    failures = {name: reason for r in reversed(done) for name, reason in r["failures"].items()}
    values = {
        n: [r["scores"][n] for r in done if n in r["scores"]] for n in first["scores"] if n not in failures
    }
    asked = {n: [r["seconds_by_proxy"][n] for r in done if n in r["settings"]] for n in first["settings"]}
    return first | {
        "scores": {n: fmean(v) for n, v in values.items()},
        "spreads": {n: pstdev(v) for n, v in values.items()},
        "failures": failures,
        "settings": {n: {**s, "repeats": len(asked[n])} for n, s in first["settings"].items()},
        "seconds": sum(r["seconds"] for r in done),
        "seconds_by_proxy": {n: sum(v) for n, v in asked.items()},
    }


def check_first_pass(architecture: Architecture, devices: Sequence[Device], seed: int) -> Record:
    """One forward and backward pass, and why a device's prediction would be a guess.

    It says which device where there are several.
    """
    from vitnas.quality.health import check_health

    found: Record = {"health": check_health(architecture, seed=seed).to_dict(), "out_of_domain": []}
    if devices:
        traced = trace_architecture(architecture)
        found["out_of_domain"] = [
            f"{device.name}: {reason}" if len(devices) > 1 else reason
            for device in devices
            for reason in device.out_of_domain(traced, architecture.resolution_px)
        ]
    return found
