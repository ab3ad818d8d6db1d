"""The devices of a run: found, checked against what is asked of them, and kept in the run folder."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vitnas.arch.schema import Architecture
from vitnas.cost.device import Device
from vitnas.cost.priced import Figures
from vitnas.errors import InvalidInput
from vitnas.formats.resolution import Resolution
from vitnas.hardware.load_device import ProfiledDevice, load_device
from vitnas.plugins import find_data
from vitnas.space.chain import chain
from vitnas.units import percent

FOLDER = "devices"  # of a run folder


@dataclass(frozen=True)
class Target:
    """A device of a run, as far as reports need it.

    Attributes:
        name: what the user types.
        label: what must stand beside its figures, such as "... (fitted, not measured, ±10 %)".
        kind, metric, batch, dtype: as in `vitnas.cost.device.Device`.
        cost: key of its latency or throughput in ``Member.costs``; empty if it holds none.
        band: relative error of a time; nan if unknown.
    """

    name: str
    label: str
    kind: str
    metric: str
    cost: str
    band: float
    batch: int
    dtype: str


def label_of(targets: Sequence[Target]) -> str:
    """The labels of all devices; empty without one."""
    return "; ".join(target.label for target in targets)


@dataclass(frozen=True)
class Coverage:
    """How much of a network's time on a device comes from measured blocks.

    Attributes:
        measured: share of the time, 0 to 1; the rest is predicted.
        block_error: mean relative error of a predicted block; None if nothing is predicted or nobody knows.
    """

    measured: float
    block_error: float | None = None

    def __str__(self) -> str:
        if self.measured == 1:
            return "all of it measured"
        error = f" (±{percent(self.block_error)} % a block)" if self.block_error is not None else ""
        measured = min(int(100 * self.measured), 99)  # never all of it
        return f"{measured} % of it measured, {100 - measured} % predicted{error}"


def load_targets(names: Sequence[str], folder: Path | None = None) -> tuple[ProfiledDevice, ...]:
    """The devices that the user named.

    Args:
        names: of devices, or profile files.
        folder: a run folder, whose own copies are read instead.

    Raises:
        InvalidInput: there is no such device, its profile is wrong, or two have the same name.
    """
    stems = [Path(name).stem for name in names]
    for stem in stems:
        if stems.count(stem) > 1:
            raise InvalidInput(f"`target`: '{stem}' stands twice in {','.join(names)}")
    if folder is not None:
        names = [str(folder / FOLDER / f"{stem}.yaml") for stem in stems]
    return tuple(load_device(name) for name in names)


def check_answers(devices: Sequence[Device], batch: int | None, resolutions_px: Iterable[Resolution]) -> None:
    """Whether every device can answer for what is asked.

    Raises:
        InvalidInput: one cannot; says why, and what to do.
    """
    for device in devices:
        for resolution_px in resolutions_px:
            refusal = device.refusal(batch, resolution_px)
            if refusal:
                raise InvalidInput(refusal)


def copies(names: Sequence[str], devices: Sequence[ProfiledDevice]) -> dict[str, str]:
    """File name -> text of the profiles and their tables, for a run folder.

    Raises:
        InvalidInput: two tables have the same file name.
    """
    found: dict[str, str] = {}
    for name, device in zip(names, devices, strict=True):
        source, table = find_data("hardware_profiles", name), device.profile.table
        found[f"{FOLDER}/{device.name}.yaml"] = source.read_text(encoding="utf-8")
        if table is None:
            continue
        copy = f"{FOLDER}/{Path(table.file).name}"
        if copy in found or Path(table.file).name != table.file:
            raise InvalidInput(f"{source}: its table needs a name of its own beside it, not '{table.file}'")
        found[copy] = (source.parent / table.file).read_text(encoding="utf-8")
    return found


def hashes(devices: Sequence[ProfiledDevice]) -> dict[str, str]:
    """Of what must not change under a resumed run: prices and limits."""
    return {
        f"{FOLDER}/{device.name}": hashlib.sha256(
            f"{device.fingerprint} {sorted(device.limits.items())}".encode()
        ).hexdigest()[:12]
        for device in devices
    }


def describe(figures: Figures, devices: Sequence[ProfiledDevice]) -> tuple[Target, ...]:
    """The devices for reports."""
    return tuple(
        Target(
            name=device.name,
            label=device.label,
            kind=device.kind,
            metric=device.metric,
            cost=figures.time_of(device),
            band=device.band,
            batch=figures.images(device),
            dtype=device.dtype,
        )
        for device in devices
    )


def coverage_of(device: ProfiledDevice, measured: float, architecture: Architecture) -> Coverage:
    """How much of an architecture's time is measured, with the error of what is not.

    A block of an operator that the table has no block of is predicted worse: one is enough for that error.
    """
    predicted = [block for block in chain(architecture) if not device.covers(block)]
    prediction = device.profile.prediction
    if not predicted:
        return Coverage(1.0)
    if prediction is None:
        return Coverage(measured)
    unseen = any(block.op not in prediction.factors for block in predicted)
    error = prediction.unseen_error if unseen else prediction.error
    return Coverage(measured, error if math.isfinite(error) else None)
