"""Pricing and scoring files."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from vitnas import plugins
from vitnas.arch.schema import Architecture
from vitnas.bench.proxy_scores import Listener, Silent
from vitnas.cost.figures import TABLE_KINDS, Figures
from vitnas.cost.pricer import coverage, price_architecture
from vitnas.errors import InvalidInput
from vitnas.hardware.load import ProfiledDevice
from vitnas.hardware.targets import check_answers, coverage_of, describe, load_targets
from vitnas.searching.budget import with_own_limits
from vitnas.searching.config import split_targets
from vitnas.space.files import load_architecture
from vitnas.workers import Failure, WorkerSettings, make_workers


def score(
    files: Sequence[str],
    *,
    target: str | None = None,
    proxies: Sequence[str] = (),
    seed: int = 0,
    batch: int | None = None,
    resolution_px: int | None = None,
    repeats: int | None = None,
    proxy_resolution_px: int | None = None,
    proxy_batch: int | None = None,
    images: str | None = None,
    device: str = "cpu",
    workers: int | WorkerSettings | None = None,
    listener: Listener | None = None,
) -> list[dict[str, Any]]:
    """Costs and scores of architectures.

    Args:
        files: architecture files, or published networks such as ``efficientformer:s0``.
        target: device name or profile file, several with commas between.
        proxies: training-free scores to compute.
        seed: of weights and images.
        batch: images in a call; None for what each device was measured with.
        resolution_px: side of the images, in place of the architectures' own.
        repeats: fresh initialisations that proxies average over; None is what each wants, and so below.
        proxy_resolution_px: side of the images that proxies see.
        proxy_batch: images that proxies see.
        images: a folder or ``.npz`` of real ones for proxies; None for Gaussian ones.
        device: where proxies compute: "cpu", "cuda" or "cuda:N".
        workers: as in :func:`vitnas.run.search.run_search`; a network that cannot be scored is then a row
            with its ``failures``, and the others go on. None scores here and now, one after the other.
        listener: watches.

    Returns:
        one object a file, in their order: name, id, params, macs, activations, peak_bytes, latency_ms (None
        without a device; of several devices, figures as named in `vitnas.cost.figures`), scores (proxy ->
        value, None where it could not be computed), failures, batch if it was given. With proxies also:
        spreads (over the repeats), seconds, settings (of each proxy) and notes, see `vitnas.quality.measure`.
        With devices also: device (their labels), latency_band (of the only one), targets (each with its
        coverage, where it has measured blocks) and exceeds (their own limits that the network does not keep).

    Raises:
        InvalidInput: a file, device or proxy is wrong, or a device cannot answer for batch or resolution;
            the images cannot be used, or something is said of proxies without any.
    """
    draws = {"repeats": repeats, "resolution_px": proxy_resolution_px, "batch": proxy_batch}
    _check_proxies_given(proxies, {**draws, "images": images, "device": None if device == "cpu" else device})
    if workers is not None:
        _check_proxies_given(proxies, {"workers": workers})
    devices = load_targets(split_targets(target))
    for proxy in proxies:
        plugins.load_plugin("proxy", proxy)
    architectures = [load_architecture(file) for file in files]
    if resolution_px is not None:
        architectures = [dataclasses.replace(a, resolution_px=resolution_px) for a in architectures]
    for architecture in architectures:
        check_answers(devices, batch, [architecture.resolution_px])
    settings = {"seed": seed, "device": device, **draws}
    row = partial(_row, devices=devices, batch=batch, proxies=proxies, images=images, settings=settings)
    if workers is not None:
        return _on_workers(row, architectures, workers, listener or Silent())
    return [row(architecture) for architecture in architectures]


def _row(
    architecture: Architecture,
    *,
    devices: Sequence[ProfiledDevice],
    batch: int | None,
    proxies: Sequence[str],
    images: str | None,
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """All that is said of a network."""
    costs = price_architecture(architecture, devices, batch=batch)
    row: dict[str, Any] = {"name": architecture.name, "id": architecture.id, **costs, "scores": {}}
    row |= {"batch": batch} if batch else {}
    if devices:
        row |= _about_devices(architecture, devices, Figures(tuple(devices), batch), costs)
    if proxies:
        row |= _scores(architecture, proxies, images, **settings)
    return row


def score_task(
    row: Callable[[Architecture], dict[str, Any]], architecture: Mapping[str, Any]
) -> dict[str, Any]:
    """What a worker does: build a network and measure it."""
    import torch

    torch.set_num_threads(1)  # sums depend on how they are split: figures must not depend on the workers
    return row(Architecture.from_dict(dict(architecture)))


def _on_workers(
    row: partial[dict[str, Any]],
    architectures: Sequence[Architecture],
    workers: int | WorkerSettings,
    listener: Listener,
) -> list[dict[str, Any]]:
    """Rows in the order of the architectures, whatever the order in which workers finish."""
    proxies: Sequence[str] = row.keywords["proxies"]
    found: dict[int, dict[str, Any]] = {}
    with make_workers(workers) as pool:
        total = len(architectures)
        listener.begin(f"{total} networks, {', '.join(proxies)}", total, total)
        documents = (architecture.to_dict() for architecture in architectures)
        for k, result in pool.map(partial(score_task, row), documents):
            if isinstance(result, Failure):
                unscored = {
                    "scores": dict.fromkeys(proxies),
                    "failures": dict.fromkeys(proxies, result.reason),
                }
                found[k] = partial(row, proxies=())(architectures[k]) | unscored
            else:
                found[k] = result
            listener.move(len(found), total, architectures[k].name)
    return [found[k] for k in range(total)]


def _check_proxies_given(proxies: Sequence[str], settings: dict[str, Any]) -> None:
    """Settings of proxies need a proxy.

    Raises:
        InvalidInput: names the first setting that would do nothing.
    """
    given = [name for name, value in settings.items() if value is not None]
    if given and not proxies:
        raise InvalidInput(f"{given[0]} is for proxies: name one with --proxy (see 'vitnas proxies')")


def _scores(
    architecture: Architecture, proxies: Sequence[str], images: str | None, **settings: Any
) -> dict[str, Any]:
    """What proxies say, for a row."""
    from vitnas.quality.data.images import load_images
    from vitnas.quality.measure import measure

    loaded = load_images(images) if images is not None else None
    measured = measure(architecture, list(proxies), images=loaded, **settings)
    return {
        "scores": measured.scores,
        "failures": measured.failures,
        "spreads": measured.spreads,
        "seconds": measured.seconds_by_proxy,
        "settings": {name: dataclasses.asdict(setting) for name, setting in measured.settings.items()},
        "notes": list(measured.notes),
    }


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
    }
