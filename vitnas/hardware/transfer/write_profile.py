"""A related device's profile from a source's, by some networks that were measured there."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitnas.errors import InvalidData, InvalidInput
from vitnas.formats.path_name import check_name
from vitnas.hardware.devices.fitted_device import FittedDevice, domain_quantities
from vitnas.hardware.load_device import load_device
from vitnas.hardware.profile.profile_fields import (
    Calibration,
    Conditions,
    Domain,
    Error,
    Profile,
    Rows,
    save_profile,
)
from vitnas.hardware.profile.read import read_profile
from vitnas.hardware.published.compare_file import HeldOut, check_path, write_check
from vitnas.hardware.published.fit_profile import UNSTATED, USELESS_MAPE, Headings
from vitnas.hardware.published.latency_rows import LatencyRow
from vitnas.hardware.roofline.metrics import ErrorSummary, held_out_error, summarize
from vitnas.hardware.roofline.roofline import BASE
from vitnas.hardware.transfer.measurements import Measurements, read_measurements
from vitnas.hardware.transfer.scale_prices import (
    LEAST_NETWORKS,
    Transferred,
    leave_one_out_ms,
    method_for,
    transfer,
)
from vitnas.plugins import find_data
from vitnas.store.disk import atomic_write_parts, make_folder

TRANSFERRED = "transferred from "
BEFORE = "carried from "  # in profiles of 0.1.0
"""How the source of such a profile begins."""
FEW = 10


@dataclass(frozen=True)
class TransferredProfile:
    """What `transfer_profile` wrote, and from what.

    Attributes:
        path: of the YAML file.
        profile: as it stands there.
        transferred: the new prices.
        measurements: what they were found from.
        before: error of the source as it is, on the measured networks.
        after: leave-one-out error of the new profile.
        held_out_ms: (n,) the predictions behind ``after``.
        warnings: what should make one wonder.
    """

    path: Path
    profile: Profile
    transferred: Transferred
    measurements: Measurements
    before: ErrorSummary
    after: ErrorSummary
    held_out_ms: NDArray[np.float64]
    warnings: tuple[str, ...]


def transfer_profile(
    source: str,
    measurements_path: str | Path,
    name: str,
    folder: str | Path,
    headings: Headings | None = None,
    progress: Callable[[LatencyRow], None] = lambda row: None,
) -> TransferredProfile:
    """Write ``folder/name.yaml``: the source's profile, transferred to where the networks were measured.

    Beside it stand the leave-one-out predictions and, of a measured source, a copy of its table. What the
    headings leave open is taken from the rows, or is unstated; only dtype and batch stay the source's.

    Raises:
        UnknownName, InvalidProfile: there is no such source.
        RunError: the profile cannot be written.
        InvalidInput: the source holds limits only, or a profile of that name would be lost.
        InvalidData: the measurements are none, or too few.
    """
    device, source_path = _source(source), find_data("hardware_profiles", source)
    check_name(name, "`name`")
    path = Path(folder) / f"{name}.yaml"
    old = _old(path, source_path)
    headings = headings or Headings()
    found = read_measurements(measurements_path, device, progress)
    number = len(found.networks)
    if number < LEAST_NETWORKS:
        raise InvalidData(_too_few(measurements_path, found))
    known, true_ms = found.known(device), found.true_ms
    method = method_for(number, refittable=known.coefficients is not None)
    transferred = transfer(known, true_ms, method)
    held_out_ms = leave_one_out_ms(known, true_ms, method)
    before = summarize(known.network_ms().tolist(), true_ms.tolist())
    after = summarize(held_out_ms.tolist(), true_ms.tolist())
    profile = replace(
        _priced_by(device, transferred, found, name),
        name=headings.title or (old.name if old else name),
        description=headings.description
        or (old.description if old else f"{name}, transferred from {device.profile.name}"),
        source=f"{TRANSFERRED}{device.profile.name} by {number} measured networks of "
        f"{Path(measurements_path).name}, {method}; there: {device.profile.source}",
        conditions=_conditions(headings, old, device.profile.conditions, found.rows),
        rows=_rows(found, Path(measurements_path).name),
        error=_error(found, held_out_ms, after, device.profile),
        limits={},
    )
    _write(path, profile, source_path, found, held_out_ms)
    warnings = (*found.warnings, *_doubts(device.profile, number, after.mape))
    return TransferredProfile(
        path, read_profile(path), transferred, found, before, after, held_out_ms, warnings
    )


def _source(source: str) -> FittedDevice:
    device = load_device(source)
    if not isinstance(device, FittedDevice):
        raise InvalidInput(f"{source} holds limits and no latency: there is nothing to transfer")
    return device


def _old(path: Path, source_path: Path) -> Profile | None:
    """What this command wrote there before; its headings are kept."""
    if not path.exists():
        return None
    if path.samefile(source_path):
        raise InvalidInput(f"{path} is what is to be transferred; choose another `name`")
    old = read_profile(path)
    if not old.source.startswith((TRANSFERRED, BEFORE)):
        raise InvalidInput(f"{path} exists and was not made by calibrating; choose another `name` or `out`")
    return old


def _too_few(path: str | Path, found: Measurements) -> str:
    usable, needed = len(found.networks), LEAST_NETWORKS
    problem = (
        f"{path}: {usable} usable networks of {len(found.rows)} rows; calibrating takes {needed} or more"
    )
    if not found.skipped:
        return problem
    row, reason = found.skipped[0]
    return f"{problem} (skipped first: line {row.line}: {reason})"


def _priced_by(device: FittedDevice, transferred: Transferred, found: Measurements, name: str) -> Profile:
    """The source's profile with the new prices."""
    profile = device.profile
    if profile.table is not None:
        old = profile.calibration or Calibration(0.0, 1.0, 0)
        new = Calibration(transferred.base_ms, transferred.scale * old.scale, len(found.networks))
        return replace(profile, calibration=new, table=replace(profile.table, file=f"{name}.csv"))
    if transferred.coefficients is not None:
        return replace(profile, coefficients=transferred.coefficients, domain=_wider(profile.domain, found))
    scaled = {key: transferred.scale * value for key, value in profile.coefficients.items()}
    return replace(profile, coefficients=scaled | {BASE: transferred.base_ms})


def _wider(domain: Domain | None, found: Measurements) -> Domain | None:
    """What the old fit and this one have seen."""
    if domain is None:
        return None
    seen = [domain_quantities(network.features) for network in found.networks]
    ranges = {
        name: (min(least, *(q[name] for q in seen)), max(most, *(q[name] for q in seen)))
        for name, (least, most) in domain.ranges.items()
    }
    calls = frozenset(domain.calls).union(*(network.calls for network in found.networks))
    return Domain(ranges, tuple(sorted(calls)))


def _conditions(
    headings: Headings, old: Profile | None, source: Conditions, rows: Sequence[LatencyRow]
) -> Conditions:
    def named(values: set[str]) -> str:
        return ", ".join(sorted(values - {""})) or UNSTATED

    devices, runtimes = named({row.device for row in rows}), named({row.runtime for row in rows})
    base = old.conditions if old else Conditions(devices, runtimes, UNSTATED, UNSTATED, "", 1, "")
    return replace(headings.conditions(base), dtype=source.dtype, batch=source.batch)


def _rows(found: Measurements, file: str) -> Rows:
    networks = found.networks
    families = {network.row.family or network.name for network in networks}
    used = len(found.rows) - len(found.skipped)
    return Rows(file, used, len(networks), len(families))


def _error(
    found: Measurements, held_out_ms: NDArray[np.float64], after: ErrorSummary, source: Profile
) -> Error:
    """The leave-one-out error, and a band that adds the source's own error, as independent ones add.

    Leaving one out flatters: the source has seen most published networks, and those measured are often
    relatives. For families unknown to both, the band came 1 to 3 points above the true error
    (``benchmarks/calibration.py``).
    """
    band = math.hypot(after.mape, source.error.mape if source.error else 0.0)
    method = f"leave one out, {after.n} networks"
    return held_out_error(held_out_ms, found.true_ms, method=method, band=band)


def _doubts(source: Profile, number: int, mape: float) -> list[str]:
    doubts = []
    if number < FEW:
        doubts.append(
            f"an error from {number} networks is rough; with {FEW} the base gets a factor of its own as well"
        )
    if mape > USELESS_MAPE:
        doubts.append(
            f"networks left out are missed by {100 * mape:.0f} % on average: {source.name} is no relative"
        )
    if source.limits:
        doubts.append(f"the limits of {source.name} are its own, and are not transferred")
    return doubts


def _write(
    path: Path, profile: Profile, source_path: Path, found: Measurements, held_out_ms: NDArray[np.float64]
) -> None:
    held_out = [
        HeldOut(n.name, n.row.family, n.row.resolution_px or 0, n.row.latency_ms, float(ms))
        for n, ms in zip(found.networks, held_out_ms, strict=True)
    ]
    source = read_profile(source_path)
    make_folder(path.parent)
    if profile.table is not None and source.table is not None:
        table = (source_path.parent / source.table.file).read_bytes()
        atomic_write_parts(path.parent / profile.table.file, [table])
    write_check(check_path(path), held_out)
    save_profile(profile, path)
