"""Measured networks of a CSV, priced on the device that is to be transferred to where they were measured."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitnas.cost.device import BYTES_OF_DTYPE
from vitnas.cost.kernels import Kernel
from vitnas.cost.pricer import trace_block
from vitnas.errors import InvalidData, VitnasError
from vitnas.formats.resolution import Resolution
from vitnas.hardware.devices.fitted_device import FittedDevice, watched_calls
from vitnas.hardware.published.latency_rows import LatencyRow, read_rows
from vitnas.hardware.published.published_networks import network_trace
from vitnas.hardware.roofline.roofline import RooflineFeatures, roofline_features
from vitnas.hardware.transfer.scale_prices import Known
from vitnas.space.chain import chain
from vitnas.space.files import load_architecture

MOST_RATIO = 100.0
FAR_RATIO = 10.0
OUTLIER_RATIO = 3.0
DIFFERENCE = 1.2

Skipped = tuple[tuple[LatencyRow, str], ...]


@dataclass(frozen=True)
class MeasuredNetwork:
    """A network that was measured on the related device.

    Attributes:
        row: of the file; its latency is the median where several rows name the network.
        name: of timm, torchvision, or an architecture of ours.
        body_ms: the source's price without the base.
        features: its work and bytes.
        calls: of its kernels, those that an accelerator may lack.
        covered: whether all its blocks stand in the source's table.
    """

    row: LatencyRow
    name: str
    body_ms: float
    features: RooflineFeatures
    calls: frozenset[str]
    covered: bool = False


@dataclass(frozen=True)
class Measurements:
    """The usable networks of a file, what was skipped, and what should make one wonder."""

    networks: tuple[MeasuredNetwork, ...]
    rows: tuple[LatencyRow, ...]
    skipped: Skipped
    warnings: tuple[str, ...]

    @property
    def true_ms(self) -> NDArray[np.float64]:
        """(n,) as measured."""
        return np.array([network.row.latency_ms for network in self.networks])

    def known(self, device: FittedDevice) -> Known:
        """What the source says of the networks; features only where it was fitted to whole networks."""
        body_ms = np.array([network.body_ms for network in self.networks])
        if device.kind != "fitted":
            return Known(device.base_ms(), body_ms)
        features = tuple(network.features for network in self.networks)
        return Known(device.base_ms(), body_ms, features, device.profile.coefficients)


def read_measurements(
    path: str | Path, device: FittedDevice, progress: Callable[[LatencyRow], None] = lambda row: None
) -> Measurements:
    """Read and price a CSV as `read_rows` takes it; its column ``architecture`` may name networks of ours.

    Several rows of one network count as one, with their median.

    Args:
        path: ``timm_name_if_any, resolution, latency_ms``; ``architecture`` is a file (relative to the
            working directory or to the CSV) or a published network such as ``efficientformer:s0``.
        device: the source.
        progress: called before each row.

    Raises:
        InvalidData: no such CSV, or its latencies cannot be milliseconds of these networks.
    """
    path = Path(path)
    rows = read_rows(path)
    networks, skipped = [], []
    for row in rows:
        progress(row)
        try:
            networks.append(_priced(row, path.parent, device))
        except VitnasError as problem:
            skipped.append((row, str(problem)))
    merged, repeated = _merge(networks)
    found = Measurements(tuple(merged), tuple(rows), tuple(skipped), tuple(repeated))
    if not merged:
        return found
    return replace(found, warnings=(*repeated, *_suspicions(path, device, found)))


def _priced(row: LatencyRow, folder: Path, device: FittedDevice) -> MeasuredNetwork:
    _refuse_batch(device, row.batch)
    if row.architecture and row.timm_name:
        raise InvalidData(f"names two networks, '{row.timm_name}' and '{row.architecture}'")
    if row.architecture:
        return _priced_architecture(row, folder, device)
    if not row.timm_name:
        raise InvalidData("no timm name and no architecture")
    _refuse(device, row.resolution_px)
    kernels = network_trace(row.timm_name, row.resolution_px).kernels
    return _network(row, row.timm_name, device.kernels_ms(kernels), kernels, device)


def _priced_architecture(row: LatencyRow, folder: Path, device: FittedDevice) -> MeasuredNetwork:
    source = row.architecture
    beside = folder / source
    architecture = load_architecture(beside if not Path(source).is_file() and beside.is_file() else source)
    if row.resolution_px is not None:
        architecture = architecture.at_resolution(row.resolution_px)
    _refuse(device, architecture.resolution_px)
    blocks = chain(architecture)
    traces = [trace_block(block)[0].kernels for block in blocks]
    body_ms = sum(device.block_ms(block, kernels) for block, kernels in zip(blocks, traces, strict=True))
    kernels = tuple(kernel for part in traces for kernel in part)
    found = _network(row, source, body_ms, kernels, device)
    return replace(found, covered=all(device.covers(block) for block in blocks))


def _refuse_batch(device: FittedDevice, batch: int | None) -> None:
    if batch is None and device.metric == "throughput":
        raise InvalidData("a throughput: give milliseconds an image, and the batch in a column 'batch'")
    if batch not in (None, device.batch):
        raise InvalidData(f"batch {batch}, not {device.batch}")


def _refuse(device: FittedDevice, resolution_px: Resolution | None) -> None:
    if refusal := device.refusal(None, resolution_px):
        raise InvalidData(refusal)
    if resolution_px is not None and (unseen := device.unseen(resolution_px)):
        raise InvalidData(f"{device.name}: {unseen}")


def _network(
    row: LatencyRow, name: str, body_ms: float, kernels: Sequence[Kernel], device: FittedDevice
) -> MeasuredNetwork:
    features = roofline_features(kernels, BYTES_OF_DTYPE[device.dtype])
    return MeasuredNetwork(row, name, body_ms, features, frozenset(watched_calls(kernels)))


def _merge(networks: Sequence[MeasuredNetwork]) -> tuple[list[MeasuredNetwork], list[str]]:
    """One for each network, and what to say of those that were several."""
    groups: dict[tuple[str, float], list[MeasuredNetwork]] = {}
    for network in networks:  # one name and price: the same resolution, stated or not
        groups.setdefault((network.name, network.body_ms), []).append(network)
    merged, warnings = [], []
    for (name, _), same in groups.items():
        times = [network.row.latency_ms for network in same]
        row = replace(same[0].row, latency_ms=statistics.median(times))
        merged.append(replace(same[0], row=row))
        if len(same) > 1:
            lines = ", ".join(str(network.row.line) for network in same)
            apart = max(times) / min(times)
            differ = f" (they differ by a factor of {apart:.2f})" if apart > DIFFERENCE else ""
            warnings.append(f"lines {lines} are all {name}{differ}: they count once, with their median")
    return merged, warnings


def _suspicions(path: Path, device: FittedDevice, found: Measurements) -> list[str]:
    """Latencies that are far from what the source says.

    Raises:
        InvalidData: so far that they cannot be milliseconds.
    """
    ratio = found.true_ms / found.known(device).network_ms()
    middle = float(np.median(ratio))
    apart = max(middle, 1 / middle)
    side, unit = "above", "microseconds, divide them by 1000"
    if middle < 1:
        side, unit = "below", "seconds, multiply them by 1000"
    what = f"the latencies are {apart:,.0f} times {side} those of {device.name} (median)"
    if apart > MOST_RATIO:
        raise InvalidData(f"{path}: {what}; latency_ms takes milliseconds: if these are {unit}")
    warnings = [f"{what}: if they are {unit}; if not, a nearer device transfers better"]
    return (warnings if apart > FAR_RATIO else []) + _outliers(found, ratio / middle) + _mixed(device, found)


def _outliers(found: Measurements, ratio: NDArray[np.float64]) -> list[str]:
    """Networks whose latency, against the source's price, is not at all that of the others."""
    warnings = []
    for network, its in zip(found.networks, ratio, strict=True):
        if not 1 / OUTLIER_RATIO <= its <= OUTLIER_RATIO:
            how = f"{its:.1f} times slower" if its > 1 else f"{1 / its:.1f} times faster"
            where = f"line {network.row.line}: {network.name}"
            warnings.append(f"{where} is {how} than the others would have it; it pulls little")
    return warnings


def _mixed(device: FittedDevice, found: Measurements) -> list[str]:
    """A table is transferred by what it prices from measured blocks."""
    predicted = sum(not network.covered for network in found.networks)
    if device.kind == "fitted" or not predicted:
        return []
    return [
        f"{predicted} of {len(found.networks)} networks are not all in the table of {device.name}, and are "
        "priced from their kernels: name architectures of its spaces"
    ]
