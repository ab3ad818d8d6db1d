"""``vitnas profile import``: from a kit's results to a device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from vitnas.cost.device import BYTES_OF_DTYPE
from vitnas.errors import InvalidData, InvalidInput, unknown
from vitnas.formats.path_name import check_name
from vitnas.hardware.kit.checks import (
    Coverage,
    coverage,
    larger_but_faster,
    mixed_units,
    outliers,
    refuse_too_few,
    unit_problem,
)
from vitnas.hardware.kit.conditions import NAMES, conditions_of
from vitnas.hardware.kit.manifest import FILE, Manifest, read_manifest
from vitnas.hardware.kit.probes import SINGLE, kit_probes
from vitnas.hardware.kit.results import (
    UNITS,
    Result,
    one_each,
    read_results,
    refuse_unknown,
)
from vitnas.hardware.measure.plan import CALIBRATION, Plan, make_plan
from vitnas.hardware.measure.probe import EMPTY, Probe
from vitnas.hardware.measure.reduce import Made, Times, make_table_profile
from vitnas.hardware.measure.run import times_of, write_profile
from vitnas.hardware.measure.session import Visit
from vitnas.hardware.profile.read import read_profile
from vitnas.space.files import load_space

LEAST_SINGLES = 3
SHOWN = 5


@dataclass(frozen=True)
class ImportSettings:
    """What to import.

    Attributes:
        results: CSV.
        name: of the device; ``out/NAME.yaml`` and its CSV are written.
        kit: folder; None is that of the results.
        out: folder.
        device, runtime, os, compute_units, threads, dtype: conditions; None takes what stands beside the
            results, then what the kit implies.
        unit: of the times: ``s``, ``ms`` or ``us``; None is milliseconds, and refuses what cannot be.
    """

    results: Path
    name: str
    kit: Path | None = None
    out: Path = Path("hardware_profiles")
    device: str | None = None
    runtime: str | None = None
    os: str | None = None
    compute_units: str | None = None
    threads: int | None = None
    dtype: str | None = None
    unit: str | None = None

    def __post_init__(self) -> None:
        check_name(self.name, "`name`")
        if self.unit is not None and self.unit not in UNITS:
            raise unknown("unit", self.unit, UNITS, where="`unit`")
        if self.dtype is not None and self.dtype not in BYTES_OF_DTYPE:
            raise unknown("dtype", self.dtype, BYTES_OF_DTYPE, where="`dtype`")
        if self.threads is not None and self.threads < 0:
            raise InvalidInput(f"`threads`: expected at least 0, got {self.threads}")


@dataclass(frozen=True)
class ImportResult:
    """What was made, and how much of the spaces it measured."""

    path: Path
    made: Made
    coverage: list[Coverage]


def import_results(
    settings: ImportSettings,
    warn: Callable[[str], None],
    traced: Callable[[int], None] = lambda blocks: None,
) -> ImportResult:
    """Check a kit's results and make a device of them, as a measurement makes one of its visits.

    Args:
        settings: what to import.
        warn: told everything that is odd and not refused.
        traced: told how many blocks were listed.

    Raises:
        InvalidResults: rows that cannot be used, with all of them.
        InvalidData: no kit, another unit, or too few blocks.
        InvalidInput: a setting is wrong.
    """
    path = settings.out / f"{settings.name}.yaml"
    if path.is_file() and read_profile(path).kind != "imported":
        raise InvalidInput(f"{path} is a device that was not imported; choose another `name`")
    folder = settings.kit or settings.results.parent
    manifest = read_manifest(folder)
    read = read_results(settings.results, unit=settings.unit or "ms")
    results, notes = one_each(settings.results, read)
    models = {probe.id for probe in manifest.probes if not probe.problem}
    refuse_unknown(settings.results, results, {probe.id for probe in manifest.probes}, folder)
    plan = _plan(folder, manifest, traced)
    probes = _same_probes(folder, manifest, plan)
    _check_unit(settings, plan, probes, results, warn)
    covered = coverage(plan, models, results)
    refuse_too_few(covered)
    for note in notes:
        warn(note)
    given = {name: value for name in NAMES if (value := getattr(settings, name)) is not None}
    conditions = conditions_of(settings.results, given, manifest, warn)
    times = _times(plan, probes, results, warn)
    problem, odd = mixed_units(plan, times, conditions.dtype)
    if problem:
        raise InvalidData(f"{settings.results}: {problem}")
    _warn_of_odd(plan, times, conditions.dtype, odd, warn)
    _warn_of_missing(plan, times, warn)
    made = make_table_profile(
        plan,
        times,
        name=settings.name,
        kind="imported",
        description=f"{conditions.device}, {conditions.runtime}, batch {manifest.batch}",
        conditions=conditions,
        copies=manifest.copies,
    )
    write_profile(path, made)
    return ImportResult(path, made, covered)


def _plan(folder: Path, manifest: Manifest, traced: Callable[[int], None]) -> Plan:
    spaces = [load_space(folder / file).at_resolution(manifest.resolution_px) for file in manifest.spaces]
    return make_plan(
        spaces,
        batch=manifest.batch,
        copies=manifest.copies,
        networks=manifest.networks,
        seed=manifest.seed,
        progress=traced,
    )


def _same_probes(folder: Path, manifest: Manifest, plan: Plan) -> list[Probe]:
    """The kit's probes, planned anew from its spaces."""
    probes = kit_probes(plan, manifest.blocks)
    ours = {(p.id, p.copies) for p in probes}
    theirs = {(p.id, p.copies) for p in manifest.probes}
    if ours != theirs:
        key = min(ours ^ theirs)[0]
        raise InvalidData(
            f"{folder / FILE}: its spaces give other models than it lists, such as '{key}'; were they "
            "edited, or was the kit written by another version? Import with that one, or write the kit anew"
        )
    return probes


def _check_unit(
    settings: ImportSettings,
    plan: Plan,
    probes: list[Probe],
    results: Mapping[str, Result],
    warn: Callable[[str], None],
) -> None:
    """Refuse what cannot be milliseconds, unless the user said the unit."""
    raw = {key: result.latency_ms for key, result in results.items()}
    problem = unit_problem(plan, probes, raw, EMPTY)
    if problem and settings.unit is None:
        raise InvalidData(f"{settings.results}: {problem} Say the unit with `unit` s, ms or us")
    if problem:
        warn(f"even with `unit` {settings.unit} {problem}")


def _times(
    plan: Plan, probes: list[Probe], results: Mapping[str, Result], warn: Callable[[str], None]
) -> Times:
    call_ms = call_cost_ms(probes, {key: result.latency_ms for key, result in results.items()})
    if call_ms is None:
        warn("neither the empty call nor blocks alone were measured: nothing is subtracted from the blocks")
    visits = [_visit(result) for key, result in results.items() if key != EMPTY]
    if call_ms is not None:
        measured = results.get(EMPTY, Result(EMPTY, 0, call_ms, float("nan"), 1))
        visits.append(_visit(replace(measured, latency_ms=call_ms)))
    return times_of(plan, visits, min(result.runs for result in results.values()))


def _visit(result: Result) -> Visit:
    """The result as if it had been measured here, without a reference block."""
    nobody = float("nan")
    return Visit(result.id, result.latency_ms, result.iqr_ms, result.runs, nobody, nobody, nobody)


def call_cost_ms(probes: list[Probe], raw_ms: Mapping[str, float]) -> float | None:
    """What every call costs: the empty call, or more if blocks alone and in chains say so.

    A chain of c copies takes ``call + c * block``, one alone ``call + block``; so ``call`` is
    ``(c * alone - chain) / (c - 1)``. A tiny model may run on the CPU where blocks run on an accelerator,
    whose calls cost more. None if neither was measured.
    """
    chains = {probe.id: probe for probe in probes if probe.kind == "block" and probe.copies > 1}
    calls = []
    for probe in probes:
        chain = chains.get(probe.id.removesuffix("-1")) if probe.kind == SINGLE else None
        if chain is not None and probe.id in raw_ms and chain.id in raw_ms:
            c = chain.copies
            calls.append((c * raw_ms[probe.id] - raw_ms[chain.id]) / (c - 1))
    if len(calls) >= LEAST_SINGLES:
        return max(float(np.median(calls)), raw_ms.get(EMPTY, 0.0))
    return raw_ms.get(EMPTY)


def _warn_of_odd(
    plan: Plan, times: Times, dtype: str, networks: list[str], warn: Callable[[str], None]
) -> None:
    """Outliers and pairs that contradict each other; half an empty call is within the noise."""
    noise = times.empty_ms / 2 / max((probe.copies for probe in plan.blocks), default=1)
    _warn_some(networks, "network far from its blocks", warn)
    _warn_some(outliers(times.blocks, plan.traces, dtype, noise), "outlier", warn)
    _warn_some(larger_but_faster(times.blocks, plan.traces, noise), "larger but faster", warn)
    nothing = sum(time.latency_ms == 0 for time in times.blocks.values())
    if nothing:
        warn(
            f"{nothing} blocks took no longer than a call costs ({times.empty_ms:.3g} ms); they count as 0 ms"
        )


def _warn_some(found: list[str], what: str, warn: Callable[[str], None]) -> None:
    for text in found[:SHOWN]:
        warn(f"{what}: {text}")
    if len(found) > SHOWN:
        warn(f"{what}: {len(found) - SHOWN} more")


def _warn_of_missing(plan: Plan, times: Times, warn: Callable[[str], None]) -> None:
    used = sum(plan.roles[key] == CALIBRATION for key in times.networks)
    held_out = len(times.networks) - used
    if used < 3:
        warn(
            f"{used} of the networks that calibrate were measured, and 3 are needed: "
            "a network is the sum of its blocks and an empty call"
        )
    if not held_out:
        warn("no network that checks was measured: the profile states no error")
