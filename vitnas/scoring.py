"""Pricing and scoring files."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from functools import partial
from typing import Any

from vitnas import plugins
from vitnas.arch.schema import Architecture
from vitnas.bench.bench import Bench, Job
from vitnas.bench.task import Draws, NetworkTask, Record
from vitnas.cost.priced import TABLE_KINDS, Figures
from vitnas.cost.pricer import coverage, price_architecture
from vitnas.errors import InvalidInput
from vitnas.events import Listener, Silent
from vitnas.formats.resolution import Resolution
from vitnas.hardware.load_device import ProfiledDevice
from vitnas.hardware.targets import check_answers, coverage_of, describe, load_targets
from vitnas.law.expectation import expected_of
from vitnas.quality.proxy import ProxyQuality
from vitnas.searching.budget import with_own_limits
from vitnas.searching.config import split_targets
from vitnas.space.files import ArchitectureSource, load_architecture
from vitnas.workers import WorkerSettings, make_workers


def score(
    files: Sequence[ArchitectureSource],
    *,
    target: str | None = None,
    proxies: Sequence[str] = (),
    seed: int = 0,
    batch: int | None = None,
    resolution_px: Resolution | None = None,
    repeats: int | None = None,
    proxy_resolution_px: Resolution | None = None,
    proxy_batch: int | None = None,
    images: str | None = None,
    device: str = "cpu",
    workers: int | WorkerSettings | None = None,
    listener: Listener | None = None,
) -> list[dict[str, Any]]:
    """Costs and scores of architectures.

    Args:
        files: networks, each as in :func:`vitnas.load_architecture`.
        target: device name or profile file, several with commas between.
        proxies, seed: training-free scores to compute; of weights and images.
        batch: images in a call; None for what each device was measured with.
        resolution_px: of the images, in place of the architectures' own.
        repeats: fresh initialisations that proxies average over; None is what each wants, and so below.
        proxy_resolution_px, proxy_batch: size and number of the images that proxies see.
        images: a folder or ``.npz`` of real ones for proxies; None for Gaussian ones.
        device: where proxies compute: "cpu", "cuda" or "cuda:N".
        workers: as in :func:`vitnas.run.search.run_search`; a network that cannot be scored has ``failures``,
            the others go on. None scores here and now.
        listener: watches.

    Returns:
        one object a file, in their order: name, id, its figures (as named in `vitnas.cost.priced`;
        latency_ms is None without a device), scores (proxy -> value, None where it could not be computed),
        failures, batch if it was given. With proxies also: spreads (over the repeats), seconds, settings (of
        each proxy) and notes, see `vitnas.quality.measure`.
        With devices also: device (their labels), latency_band (of the only one), targets (each with its
        coverage, where it has measured blocks), exceeds (their own limits that the network does not keep) and
        out_of_domain (why times are guesses, where the resolution is none that a fit has seen).

    Raises:
        InvalidInput: a file, device or proxy is wrong, or a device cannot answer for batch or resolution;
            the images cannot be used, or something is said of proxies without any.
    """
    draws = {"repeats": repeats, "proxy_resolution_px": proxy_resolution_px, "proxy_batch": proxy_batch}
    beside = {"images": images, "device": None if device == "cpu" else device, "workers": workers}
    _check_proxies_given(proxies, {**draws, **beside})
    plugins.ask(*proxies)
    devices = load_targets(split_targets(target))
    qualities = tuple(map(ProxyQuality, proxies))
    architectures = _loaded(files, resolution_px)
    for architecture in architectures:
        check_answers(devices, batch, [architecture.resolution_px])
    task = NetworkTask(
        qualities,
        Draws(seed, repeats, proxy_resolution_px, images, device, proxy_batch),
        also=partial(_priced, devices=devices, batch=batch),
    )
    found = _found(task, architectures, workers, listener or Silent())
    return [_row(a, proxies, own) for a, own in zip(architectures, found, strict=True)]


def _loaded(files: Sequence[ArchitectureSource], resolution_px: Resolution | None) -> list[Architecture]:
    architectures = [load_architecture(file) for file in files]
    return architectures if resolution_px is None else [a.at_resolution(resolution_px) for a in architectures]


def _found(
    task: NetworkTask,
    architectures: Sequence[Architecture],
    workers: int | WorkerSettings | None,
    listener: Listener,
) -> list[Record]:
    """What the task finds of each architecture; where a worker finds nothing, costs and a ``failure``."""
    documents = [architecture.to_dict() for architecture in architectures]
    if workers is None:
        return [task.find(document) for document in documents]
    assert task.also is not None
    total = len(architectures)
    with make_workers(workers) as pool:
        listener.stage(
            "scoring networks", f"{total} networks, {', '.join(own.name for own in task.qualities)}"
        )
        jobs = [Job(a.id, task, document) for a, document in zip(architectures, documents, strict=True)]
        found = Bench(pool).measure(jobs, lambda done: listener.count(done, total))
    return [
        own | task.also(a) if "failure" in own else own for a, own in zip(architectures, found, strict=True)
    ]


def _priced(
    architecture: Architecture, *, devices: Sequence[ProfiledDevice], batch: int | None
) -> dict[str, Any]:
    """Costs of a network, and what must stand beside them."""
    devices = [device.at([architecture.resolution_px]) for device in devices]
    costs = price_architecture(architecture, devices, batch=batch)
    beside: dict[str, Any] = {"batch": batch} if batch else {}
    beside |= expected_of(architecture, architecture.metadata.get("recipe") or {}, costs)
    if devices:
        beside |= _about_devices(architecture, devices, Figures(tuple(devices), batch), costs)
    return {"costs": costs, "beside": beside}


def _row(architecture: Architecture, proxies: Sequence[str], found: Record) -> dict[str, Any]:
    """All that is told of a network."""
    row = {
        "name": architecture.name,
        "id": architecture.id,
        **found["costs"],
        "scores": {},
        **found["beside"],
    }
    if "failure" in found:
        failures = dict.fromkeys(proxies, found["failure"])
        return row | {"scores": dict.fromkeys(proxies), "failures": failures}
    if not proxies:
        return row
    own = {name: found[name] for name in ("scores", "failures", "spreads", "seconds", "settings", "notes")}
    return row | own | {"seconds": found["seconds_by_proxy"]}


def _check_proxies_given(proxies: Sequence[str], settings: dict[str, Any]) -> None:
    """Settings of proxies need a proxy.

    Raises:
        InvalidInput: names the first setting that would do nothing.
    """
    given = [name for name, value in settings.items() if value is not None]
    if given and not proxies:
        raise InvalidInput(f"`{given[0]}` is for proxies: name one with `proxies` (see 'vitnas proxies')")


def _out_of_domain(architecture: Architecture, devices: Sequence[ProfiledDevice]) -> dict[str, Any]:
    """Why a device's figures are guesses at this resolution; nothing where none is."""
    found = {device.name: device.unseen(architecture.resolution_px) for device in devices}
    several = len(devices) > 1
    reasons = [f"{name}: {why}" if several else why for name, why in found.items() if why]
    return {"out_of_domain": reasons} if reasons else {}


def _about_devices(
    architecture: Architecture, devices: Sequence[ProfiledDevice], figures: Figures, costs: dict[str, Any]
) -> dict[str, Any]:
    """What must stand beside the figures of devices."""
    targets = [dataclasses.asdict(target) for target in describe(figures, devices)]
    for target, device in zip(targets, devices, strict=True):
        if device.kind in TABLE_KINDS:
            found = coverage_of(device, coverage(architecture, device), architecture)
            target["coverage"] = dataclasses.asdict(found)
    limits = with_own_limits((), figures)
    return {
        "latency_band": None if len(devices) > 1 or math.isnan(devices[0].band) else devices[0].band,
        "device": "; ".join(device.label for device in devices),
        "targets": targets,
        "exceeds": [str(limit) for limit in limits if costs[limit.cost] > limit.limit],
        **_out_of_domain(architecture, devices),
    }
