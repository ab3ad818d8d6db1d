"""A profile's file from a CSV of published latencies: fitted anew, or again with better rows."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from vitnas.cost.device import BYTES_OF_DTYPE
from vitnas.errors import InvalidData, InvalidInput, unknown
from vitnas.formats.path_name import check_name
from vitnas.formats.resolution import least_and_most
from vitnas.hardware.devices.fitted_device import domain_quantities
from vitnas.hardware.profile.profile_fields import Conditions, Domain, Error, Profile, Rows, save_profile
from vitnas.hardware.profile.read import read_profile
from vitnas.hardware.published.compare_file import HeldOut, check_path, write_check
from vitnas.hardware.published.latency_rows import LatencyRow, read_rows
from vitnas.hardware.roofline.fitting import Fit, fit, make_samples
from vitnas.hardware.roofline.metrics import held_out_error
from vitnas.hardware.roofline.priors import DEFAULT_HARDWARE, HARDWARE
from vitnas.hardware.roofline.roofline import BYTES
from vitnas.store.disk import make_folder

UNSTATED = "unstated"
USELESS_MAPE = 0.25
FITTED_METRICS = ("latency", "throughput")


@dataclass(frozen=True)
class Headings:
    """What a profile says of itself beside its figures; None keeps what the old file says, or a default."""

    title: str | None = None
    description: str | None = None
    device: str | None = None
    runtime: str | None = None
    os: str | None = None
    compute_units: str | None = None
    dtype: str | None = None
    noise: float | None = None
    metric: str | None = None
    batch: int | None = None
    hardware: str | None = None

    def conditions(self, base: Conditions) -> Conditions:
        """Those of ``base`` today, with what is given in their place."""
        given = {name: getattr(self, name) for name in asdict(base).keys() & asdict(self).keys()}
        chosen = {name: value for name, value in given.items() if value is not None}
        return replace(base, date=datetime.date.today().isoformat(), **chosen)


@dataclass(frozen=True)
class FittedProfile:
    """What `fit_profile` wrote, and from what."""

    path: Path
    profile: Profile
    result: Fit
    skipped: tuple[tuple[LatencyRow, str], ...]

    @property
    def warning(self) -> str:
        """Why nobody should use this profile; empty if it is fit for use."""
        mape, macs_only = self.result.error.mape, self.result.macs_only.mape
        if mape > USELESS_MAPE:
            missed = f"families left out are missed by {100 * mape:.0f} % on average"
            return f"{missed}: these rows do not support a fit"
        if mape >= macs_only:
            return f"MACs alone miss by {100 * macs_only:.0f} % only: another `hardware` may fit better"
        return ""


def fit_profile(
    rows_path: str | Path,
    name: str,
    folder: str | Path,
    headings: Headings | None = None,
    progress: Callable[[LatencyRow], None] = lambda row: None,
) -> FittedProfile:
    """Fit the rows of a CSV and write ``folder/name.yaml``; a profile that stands there keeps its headings.

    Beside it ``folder/name.check.csv`` holds the prediction of each row by a fit without its family.

    Raises:
        InvalidData: the CSV is not one, holds too little, or rows of another batch.
        InvalidProfile: the file that stands there is none.
        RunError: it cannot be written.
        InvalidInput: a heading that no profile can have.
    """
    path = Path(folder) / f"{check_name(name, '`name`')}.yaml"
    headings = headings or Headings()
    _refuse_bad_headings(headings)
    old = read_profile(path) if path.exists() else None
    rows = read_rows(rows_path)
    conditions = _conditions(headings, old, rows)
    _refuse_other_batches(rows, conditions.batch, rows_path)
    samples, skipped = make_samples(rows, conditions.dtype, progress)
    if not samples:
        raise InvalidData(f"{rows_path}: no row's network can be built; first: {skipped[0][1]}")
    hardware = headings.hardware or (old.hardware if old else "") or DEFAULT_HARDWARE
    known = HARDWARE[hardware]
    result = fit(samples, ridge=known.ridge, prior=known.prior)
    old_noise = old.error.noise if old and old.error else float("nan")
    profile = make_profile(
        result,
        name=headings.title or (old.name if old else name),
        description=headings.description or (old.description if old else f"{name}, fitted"),
        conditions=conditions,
        rows_file=Path(rows_path).name,
        noise=old_noise if headings.noise is None else headings.noise,
        metric=headings.metric or (old.metric if old else "latency"),
        hardware=hardware,
    )
    make_folder(path.parent)
    write_check(check_path(path), held_out_rows(result))
    save_profile(profile, path)
    return FittedProfile(path, read_profile(path), result, tuple(skipped))


def _refuse_bad_headings(headings: Headings) -> None:
    if headings.dtype is not None and headings.dtype not in BYTES_OF_DTYPE:
        raise unknown("dtype", headings.dtype, BYTES_OF_DTYPE)
    if headings.hardware is not None and headings.hardware not in HARDWARE:
        raise unknown("hardware", headings.hardware, HARDWARE)
    if headings.metric is not None and headings.metric not in FITTED_METRICS:
        raise unknown("metric", headings.metric, FITTED_METRICS)
    if headings.batch is not None and headings.batch < 1:
        raise InvalidInput(f"batch {headings.batch} is none; it must be at least 1")
    if headings.noise is not None and not 0 <= headings.noise < 1:
        raise InvalidInput(f"noise {headings.noise:g} is no share; 9.6 % is 0.096")


def _refuse_other_batches(rows: Sequence[LatencyRow], batch: int, path: str | Path) -> None:
    for row in rows:
        if row.batch not in (None, batch):
            raise InvalidData(
                f"{path}:{row.line}: column 'batch': {row.batch}, but the profile is of batch {batch}; "
                f"leave the row out, or give `batch`"
            )


def _conditions(headings: Headings, old: Profile | None, rows: Sequence[LatencyRow]) -> Conditions:
    devices = ", ".join(sorted({row.device for row in rows if row.device})) or UNSTATED
    base = old.conditions if old else Conditions(devices, UNSTATED, UNSTATED, UNSTATED, "float16", 1, "")
    return headings.conditions(base)


def make_profile(
    result: Fit,
    name: str,
    description: str,
    conditions: Conditions,
    *,
    rows_file: str,
    noise: float,
    metric: str = "latency",
    hardware: str = DEFAULT_HARDWARE,
) -> Profile:
    """The profile of a fit.

    Args:
        result: of `vitnas.hardware.roofline.fitting.fit`.
        name: full name with a version.
        description: one line.
        conditions: of the latencies.
        rows_file: name of the CSV that the rows came from.
        noise: mean relative difference between laboratories; no smaller error can be claimed; nan if unknown.
        metric: ``latency`` or ``throughput``.
        hardware: class whose prior the fit took.
    """
    rows = [sample.row for sample in result.samples]
    sides = [row.resolution_px for row in rows if row.resolution_px]
    networks = len({(row.timm_name, row.resolution_px) for row in rows})
    what = "latencies" if metric == "latency" else "throughputs"
    return Profile(
        name=name,
        kind="fitted",
        description=description,
        source=f"fitted on {len(rows)} published {what} of {networks} networks; each row names its source in "
        f"{rows_file}",
        metric=metric,
        hardware=hardware,
        conditions=conditions,
        coefficients=result.coefficients,
        resolution_px=least_and_most(sides),
        rows=Rows(rows_file, len(rows), networks, len({sample.family for sample in result.samples})),
        error=_error(result, noise),
        domain=_domain(result),
    )


def _error(result: Fit, noise: float) -> Error:
    return held_out_error(
        result.held_out_ms,
        np.array([sample.row.latency_ms for sample in result.samples]),
        [sample.family for sample in result.samples],
        method="leave one family out",
        noise=noise,
        macs_only_mape=result.macs_only.mape,
    )


def _domain(result: Fit) -> Domain:
    free = {f"{term}_mb" for term, name in BYTES.items() if result.coefficients[name] == 0}
    seen = [domain_quantities(sample.features) for sample in result.samples]
    ranges = {
        name: (min(q[name] for q in seen), max(q[name] for q in seen)) for name in seen[0] if name not in free
    }
    calls = frozenset().union(*(sample.calls for sample in result.samples))
    return Domain(ranges, tuple(sorted(calls)))


def held_out_rows(result: Fit) -> list[HeldOut]:
    """Each row of a fit with its prediction by a fit without its family."""
    return [
        HeldOut(s.row.timm_name, s.family, s.row.resolution_px or 0, s.row.latency_ms, float(predicted_ms))
        for s, predicted_ms in zip(result.samples, result.held_out_ms, strict=True)
    ]
