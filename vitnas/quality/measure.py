"""Scores of an architecture, built with fresh weights once for every seed and resolution asked for."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from vitnas.arch.build import build
from vitnas.arch.network import Network
from vitnas.arch.schema import Architecture
from vitnas.errors import InvalidArchitecture, InvalidInput
from vitnas.formats.resolution import Resolution, in_px, pixels
from vitnas.quality.base import Quality
from vitnas.quality.data.images import Images
from vitnas.quality.proxies._base import Proxy
from vitnas.quality.proxies._passes import Outcome, derived_seed, run_proxies
from vitnas.quality.proxy import ProxyQuality

FALLBACK_SIDES_PX = (64, 96, 128, 160, 192, 224)


@dataclass(frozen=True)
class Setting:
    """What a proxy was computed with.

    Attributes:
        resolution_px: of the images.
        batch: images.
        repeats: fresh initialisations.
    """

    resolution_px: Resolution
    batch: int
    repeats: int


@dataclass(frozen=True)
class Measurement:
    """What proxies said of one network.

    Attributes:
        scores: by proxy, averaged over the repeats; as defined, so not always higher is better.
        spreads: standard deviation over the repeats (0 for one).
        failures: proxy -> why it has no score.
        settings: of each proxy.
        seed: of the first repeat.
        seconds: for all of it, building included.
        seconds_by_proxy: of the passes that a proxy needs, undivided where others share them, and of its
            own work, all repeats together; without building the network.
        notes: what differed from what was asked for.
    """

    scores: dict[str, float]
    spreads: dict[str, float]
    failures: dict[str, str]
    settings: dict[str, Setting]
    seed: int
    seconds: float
    seconds_by_proxy: dict[str, float]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {**dataclasses.asdict(self), "notes": list(self.notes)}


def measure(
    architecture: Architecture,
    qualities: Sequence[str | Quality],
    *,
    seed: int = 0,
    repeats: int | None = None,
    resolution_px: Resolution | None = None,
    batch: int | None = None,
    images: Images | None = None,
    device: str = "cpu",
) -> Measurement:
    """Score a network by qualities that rate networks, most of them proxies.

    Every proxy gets the resolution, batch and repeats that it declares, unless they are given here, so its
    score does not depend on which others are asked for. Those that agree share networks and passes. Other
    qualities measure the architecture as it is, one after the other.

    Args:
        architecture: what to build.
        qualities: a name is that of a proxy.
        seed: of weights, images and labels (uniform); repeat k uses seed + k. All are drawn on the CPU, so
            that a seed means the same on every device, and every architecture sees the same images.
        repeats: fresh initialisations.
        resolution_px: of the images. If an operator refuses it, the smallest usual side that works.
        batch: images.
        images: real ones to draw from; None for Gaussian ones.
        device: where to compute: "cpu", "cuda" or "cuda:1".

    Raises:
        UnknownName: no such proxy.
        InvalidArchitecture: the network cannot be built at any resolution.
        InvalidInput: the device is not there, or there are too few images, or of other channels.
    """
    started = time.perf_counter()
    target = torch_device(device)
    everything = [ProxyQuality(own) if isinstance(own, str) else own for own in qualities]
    classes = {own.name: own.proxy for own in everything if isinstance(own, ProxyQuality)}
    settings = {
        name: Setting(resolution_px or cls.resolution_px, batch or cls.batch, repeats or cls.repeats)
        for name, cls in classes.items()
    }
    outcomes: dict[str, list[Outcome]] = {own.name: [] for own in everything}
    # the caller's random state stays as it is
    with torch.random.fork_rng(devices=[target] if target.type == "cuda" else []):
        notes = _run_all(architecture, classes, settings, outcomes, seed=seed, images=images, device=target)
        for quality in everything:
            if not isinstance(quality, ProxyQuality):
                times = repeats or quality.repeats
                settings[quality.name] = Setting(architecture.resolution_px, 0, times)
                for k in range(times):
                    outcomes[quality.name].append(
                        _ask(quality, architecture, seed=seed + k, images=images, device=device)
                    )
    seconds = time.perf_counter() - started
    return _summary(settings, outcomes, seed=seed, seconds=seconds, notes=tuple(notes))


def _run_all(
    architecture: Architecture,
    classes: Mapping[str, type[Proxy]],
    settings: dict[str, Setting],
    outcomes: Mapping[str, list[Outcome]],
    *,
    seed: int,
    images: Images | None,
    device: torch.device,
) -> list[str]:
    """Run proxies at their settings, where sides that do not fit are changed; what is to be noted."""
    notes: list[str] = []
    for size in dict.fromkeys(setting.resolution_px for setting in settings.values()):
        same = {name: s for name, s in settings.items() if s.resolution_px == size}
        for k in range(max(s.repeats for s in same.values())):
            network, sized, noted = build_fitted(architecture, size, seed + k)
            network = network.to(device)
            for count in dict.fromkeys(s.batch for s in same.values() if s.repeats > k):
                wanted = {n: classes[n]() for n, s in same.items() if s.batch == count and s.repeats > k}
                outcome = _score(network, sized, wanted, count, seed + k, images, device)
                for name in wanted:
                    outcomes[name].append(outcome)
        notes += noted
        for name, setting in same.items():
            settings[name] = dataclasses.replace(setting, resolution_px=sized.resolution_px)
    return notes


def _ask(
    quality: Quality, architecture: Architecture, *, seed: int, images: Images | None, device: str
) -> Outcome:
    """What a quality that measures networks itself finds; what it raises is its failure."""
    outcome = Outcome()
    outcome.keep(
        quality.name, lambda: float(quality.measure(architecture, seed=seed, images=images, device=device))
    )
    return outcome


def torch_device(name: str) -> torch.device:
    """Where to compute.

    Raises:
        InvalidInput: it is no processor or CUDA device of this machine.
    """
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "cuda") or (index and not (kind == "cuda" and index.isdecimal())):
        raise InvalidInput(f"device '{name}': expected cpu, cuda, or cuda:N")
    if kind == "cpu":
        return torch.device("cpu")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(index or 0) >= count:
        raise InvalidInput(
            f"device '{name}': this machine has {count} CUDA devices that torch can use; take cpu"
        )
    return torch.device(kind, int(index or 0))


def build_fitted(
    architecture: Architecture, wanted_px: Resolution, seed: int
) -> tuple[Network, Architecture, list[str]]:
    """The network with weights drawn from ``seed``, as it was sized, and what `fitted_resolution` notes."""
    sized = architecture.at_resolution(wanted_px)
    torch.manual_seed(seed)
    try:
        return _built(sized), sized, []
    except InvalidArchitecture:  # only then is another side searched for, without weights
        sized, notes = fitted_resolution(architecture, wanted_px)
    torch.manual_seed(seed)
    return _built(sized), sized, notes


def _built(architecture: Architecture) -> Network:
    """The network; of two heads both answer, as proxies have always seen them."""
    network = build(architecture)
    network.set_distilled_training(network.distilled)
    return network


def fitted_resolution(architecture: Architecture, wanted_px: Resolution) -> tuple[Architecture, list[str]]:
    """The architecture at ``wanted_px``, or at the smallest larger usual side that its operators accept."""
    larger = (side for side in FALLBACK_SIDES_PX if side**2 > pixels(wanted_px))
    sizes = [wanted_px, *larger, architecture.resolution_px]
    problem: InvalidArchitecture | None = None
    for size in dict.fromkeys(sizes):
        sized = architecture.at_resolution(size)
        try:
            with torch.device("meta"):
                build(sized)
        except InvalidArchitecture as error:
            problem = problem or error
            continue
        notes = [] if size == wanted_px else [f"{in_px(size)} instead of {in_px(wanted_px)}: {problem}"]
        return sized, notes
    assert problem is not None
    raise problem


def _score(
    network: Network,
    sized: Architecture,
    proxies: Mapping[str, Proxy],
    batch: int,
    seed: int,
    images: Images | None,
    device: torch.device,
) -> Outcome:
    """Draw a batch (the same for every architecture of this resolution) and run the proxies on it."""
    generator = torch.Generator().manual_seed(derived_seed(seed, "images and labels"))
    labels = torch.randint(max(sized.classes, 1), (batch,), generator=generator)
    if images is None:
        drawn = torch.randn(batch, *sized.input_shape, generator=generator)
    else:
        drawn = images.draw(batch, sized.in_channels, sized.resolution_px, seed)
    return run_proxies(network, proxies, drawn.to(device), labels.to(device), seed=seed)


def _summary(
    settings: Mapping[str, Setting],
    outcomes: Mapping[str, Sequence[Outcome]],
    *,
    seed: int,
    seconds: float,
    notes: tuple[str, ...],
) -> Measurement:
    """Means and spreads over the repeats; a proxy that failed in one of them has no score."""
    failures = {n: o.failures[n] for n, found in outcomes.items() for o in reversed(found) if n in o.failures}
    values = {n: [o.scores[n] for o in found] for n, found in outcomes.items() if n not in failures}
    return Measurement(
        scores={n: statistics.fmean(v) for n, v in values.items()},
        spreads={n: statistics.pstdev(v) for n, v in values.items()},
        failures=failures,
        settings=dict(settings),
        seed=seed,
        seconds=seconds,
        seconds_by_proxy={n: sum(o.seconds[n] for o in found) for n, found in outcomes.items()},
        notes=notes,
    )
