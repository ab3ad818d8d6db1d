"""From times of probes to a device's profile: table, calibration, prediction of what is missing, error.

The latency of a network is ``base + scale * sum over its blocks``. Half of the random networks give base and
scale; the other half and the published ones are predicted without having been used, and give the error.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitnas.cost.device import BYTES_OF_DTYPE
from vitnas.errors import InvalidData
from vitnas.formats.resolution import least_and_most
from vitnas.hardware.measure.plan import CALIBRATION, Plan
from vitnas.hardware.measure.predict import fit_predictor
from vitnas.hardware.profile.block_table import Measured, table_digest
from vitnas.hardware.profile.profile_fields import Calibration, Conditions, Error, Profile, TableSummary
from vitnas.hardware.published.compare_file import HeldOut
from vitnas.hardware.roofline.fitting import fit_macs_only
from vitnas.hardware.roofline.metrics import held_out_error
from vitnas.space.slots import Context

LEAST_BLOCKS = 5
LEAST_CALIBRATION = 3  # networks
LEAST_SCALE = 1e-9  # that a profile may state


@dataclass(frozen=True)
class Times:
    """What was measured, by the probes of a plan.

    Attributes:
        empty_ms: a call that does nothing.
        blocks: without the empty call, of one copy.
        networks: network's id -> milliseconds.
        runs: of each probe, at least.
        drift: IQR / median of the reference block; nan if there was none.
        seconds: all together.
    """

    empty_ms: float
    blocks: Mapping[Context, Measured]
    networks: Mapping[str, float]
    runs: int
    drift: float
    seconds: float


@dataclass(frozen=True)
class Made:
    """A profile with its table, the held-out predictions behind its error, and the networks' times."""

    profile: Profile
    table: Mapping[Context, Measured]
    held_out: tuple[HeldOut, ...]
    networks: Mapping[str, float]  # name -> measured ms, of all whole networks


def make_table_profile(
    plan: Plan, times: Times, *, name: str, kind: str, description: str, conditions: Conditions, copies: int
) -> Made:
    """The profile of a table.

    Raises:
        InvalidData: too few blocks were measured for a profile.
    """
    table = {block: times.blocks[block] for block in plan.traces if block in times.blocks}
    if len(table) < LEAST_BLOCKS:
        raise InvalidData(
            f"{len(table)} of {len(plan.traces)} blocks were measured; a profile takes {LEAST_BLOCKS} or more"
        )
    predictor = fit_predictor(table, plan.traces, BYTES_OF_DTYPE[conditions.dtype])
    sums = {key: predictor.chain_ms(plan.chains[key], table, plan.traces) for key in times.networks}
    used = [key for key in times.networks if plan.roles[key] == CALIBRATION]
    calibration = calibrate(
        np.array([sums[key] for key in used]),
        np.array([times.networks[key] for key in used]),
        base_ms=times.empty_ms,
    )
    held_out = _held_out(plan, times.networks, sums, calibration)
    profile = Profile(
        name=name,
        kind=kind,
        description=description,
        source=_source(kind, plan, table, used, held_out),
        conditions=conditions,
        coefficients=predictor.coefficients,
        resolution_px=least_and_most(plan.resolutions_px),
        table=_summary(plan, times, table, f"{name}.csv", copies),
        calibration=calibration,
        prediction=predictor.summary,
        error=_error(held_out, _macs_only_ms(plan, times.networks, used)) if held_out else None,
    )
    names = {probe.id: probe.name for probe in plan.networks}
    return Made(profile, table, held_out, {names[key]: ms for key, ms in times.networks.items()})


def calibrate(sums_ms: NDArray[np.float64], true_ms: NDArray[np.float64], *, base_ms: float) -> Calibration:
    """Base and scale by least squares of relative errors, neither below 0.

    Where noise hides what blocks add (the scale would be 0), the base is 0: each network is its blocks.

    Args:
        sums_ms: (n,) sums over blocks.
        true_ms: (n,) measured networks; below 3 of them the sums stand as they are.
        base_ms: of a call, for that case.

    Raises:
        InvalidData: no block took any time.
    """
    from scipy.optimize import nnls

    if len(true_ms) < LEAST_CALIBRATION:
        return Calibration(base_ms, 1.0, 0)
    rows = np.stack([1 / true_ms, sums_ms / true_ms], axis=1)
    (base, scale), _ = nnls(rows, np.ones(len(true_ms)))
    if scale < LEAST_SCALE:
        base, (scale,) = 0.0, nnls(rows[:, 1:], np.ones(len(true_ms)))[0]
    if scale < LEAST_SCALE:
        raise InvalidData(f"the {len(true_ms)} networks' blocks took no time at all; measure them again")
    return Calibration(float(base), float(scale), len(true_ms))


def _held_out(
    plan: Plan, networks: Mapping[str, float], sums: Mapping[str, float], calibration: Calibration
) -> tuple[HeldOut, ...]:
    probes = {probe.id: probe for probe in plan.networks}
    rows = []
    for key, true_ms in networks.items():
        architecture = probes[key].architecture
        if plan.roles[key] == CALIBRATION or architecture is None:
            continue
        predicted = calibration.base_ms + calibration.scale * sums[key]
        rows.append(
            HeldOut(probes[key].name, plan.roles[key], architecture.resolution_px, true_ms, predicted)
        )
    return tuple(rows)


def _macs_only_ms(
    plan: Plan, networks: Mapping[str, float], used: Sequence[str]
) -> NDArray[np.float64] | None:
    """What a line through the MACs of the calibration networks says of the held-out ones; None if too few."""
    if len(used) < 3:
        return None
    gmacs = {key: sum(plan.traces[b].macs for b in plan.chains[key]) / 1e9 for key in networks}
    truth = np.array([networks[key] for key in used])
    base_ms, rate = fit_macs_only(np.array([gmacs[key] for key in used]), truth, np.ones(len(used)))
    return np.array([base_ms + rate * gmacs[key] for key in networks if plan.roles[key] != CALIBRATION])


def _error(held_out: Sequence[HeldOut], macs_only_ms: NDArray[np.float64] | None) -> Error:
    truth = np.array([row.true_ms for row in held_out])
    return held_out_error(
        np.array([row.predicted_ms for row in held_out]),
        truth,
        [row.family for row in held_out],
        method="whole networks that neither table nor calibration saw",
        macs_only_mape=math.nan if macs_only_ms is None else float(np.abs(macs_only_ms / truth - 1).mean()),
    )


def _summary(
    plan: Plan, times: Times, table: Mapping[Context, Measured], file: str, copies: int
) -> TableSummary:
    spreads = [m.iqr_ms / m.latency_ms for m in table.values() if m.latency_ms > 0]
    return TableSummary(
        file=file,
        spaces=plan.spaces,
        blocks=len(table),
        copies=copies,
        runs=times.runs,
        empty_ms=times.empty_ms,
        median_iqr=float(np.median(spreads)) if spreads else float("nan"),
        drift=times.drift,
        seconds=times.seconds,
        digest=table_digest(table),
    )


def _source(
    kind: str,
    plan: Plan,
    table: Mapping[Context, Measured],
    used: Sequence[str],
    held_out: Sequence[HeldOut],
) -> str:
    made = f"calibrated on {len(used)} whole networks" if len(used) >= LEAST_CALIBRATION else "not calibrated"
    checked = f"checked on {len(held_out)} others" if held_out else "checked on none"
    blocks = f"{len(table)} of {len(plan.traces)} blocks of {', '.join(plan.spaces)}"
    return f"{kind}: {blocks}; {made}, {checked}"


def conditions_today(**fields: str | int) -> Conditions:
    """Conditions with today's date."""
    return Conditions(date=datetime.date.today().isoformat(), **fields)  # type: ignore[arg-type]
