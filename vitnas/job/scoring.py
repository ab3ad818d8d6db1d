"""Pricing and scoring files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from vitnas import plugins
from vitnas.cost.table import price_architecture
from vitnas.hardware.load import load_device
from vitnas.space.files import load_architecture


def score(
    files: Sequence[str], *, target: str | None = None, proxies: Sequence[str] = (), seed: int = 0
) -> list[dict[str, Any]]:
    """Costs and scores of architectures.

    Args:
        files: architecture files, or published networks such as ``efficientformer:s0``.
        target: device name or profile file, for ``latency_ms`` and the element size of ``peak_bytes``.
        proxies: training-free scores to compute.
        seed: of weights and images.

    Returns:
        one object a file: name, id, params, macs, activations, peak_bytes, latency_ms (None without a
        device), scores (proxy -> value, None where it could not be computed), failures.

    Raises:
        InvalidInput: a file, device or proxy is wrong.
    """
    device = load_device(target) if target else None
    for proxy in proxies:
        plugins.load_plugin("proxy", proxy)
    rows = []
    for file in files:
        architecture = load_architecture(file)
        costs = price_architecture(architecture, device)
        row: dict[str, Any] = {"name": architecture.name, "id": architecture.id, **costs, "scores": {}}
        if device is not None:
            row["latency_band"] = None if math.isnan(device.band) else device.band
            row["device"] = device.label
        if proxies:
            from vitnas.quality.measure import measure

            measured = measure(architecture, list(proxies), seed=seed)
            row["scores"] = dict(measured.scores)
            row["failures"] = dict(measured.failures)
        rows.append(row)
    return rows
