"""``vitnas profile measure``: from spaces and a runtime to a device of this machine."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from vitnas import plugins
from vitnas.arch.features import Features
from vitnas.errors import InvalidInput
from vitnas.formats.path_name import check_name
from vitnas.formats.resolution import Resolution, read_resolution
from vitnas.hardware.measure.plan import NETWORKS, Plan, make_plan
from vitnas.hardware.measure.probe import EMPTY, Probe, block_probe
from vitnas.hardware.measure.reduce import Made, Times, conditions_today, make_table_profile
from vitnas.hardware.measure.runtime import Runtime
from vitnas.hardware.measure.session import Session, Visit
from vitnas.hardware.measure.timing import RUNS, Timer, Watcher, best_visits
from vitnas.hardware.profile.block_table import Measured, write_table
from vitnas.hardware.profile.profile_fields import Profile, save_profile
from vitnas.hardware.profile.read import read_profile
from vitnas.hardware.published.compare_file import check_path, write_check
from vitnas.space.files import load_space
from vitnas.space.slots import Context
from vitnas.space.space import Space
from vitnas.store.disk import make_folder
from vitnas.store.lock import RunLock

REFERENCE = Context("conv_ffn", Features(64, 28), 64, (("expansion", 4),))
"""The block that is timed before and after every probe, so that drift shows; the same for every space."""


@dataclass(frozen=True)
class MeasureSettings:
    """What to measure, and how.

    Attributes:
        spaces: names or files.
        name: of the device; ``out/NAME.yaml`` and its CSV are written.
        runtime: name of a runtime.
        out: folder.
        threads: of the runtime.
        batch: images a call.
        resolution_px: of the images; None takes each space's own.
        networks: random whole networks a space; half calibrate, half check.
        runs: timed calls of each probe, at least.
        copies: of a block in a chain, where it gives what it takes.
        fresh: measure all anew; what was measured before under this name stays until that is complete.
    """

    spaces: tuple[str, ...]
    name: str
    runtime: str = "onnxruntime"
    out: Path = Path("hardware_profiles")
    threads: int = 1
    batch: int = 1
    resolution_px: Resolution | None = None
    networks: int = NETWORKS
    runs: int = RUNS
    copies: int = 1
    fresh: bool = False

    def __post_init__(self) -> None:
        if self.resolution_px is not None:
            sides = read_resolution(self.resolution_px, "`resolution_px`")
            object.__setattr__(self, "resolution_px", sides)
        for field, least in (("threads", 1), ("batch", 1), ("networks", 0), ("runs", 5), ("copies", 1)):
            if getattr(self, field) < least:
                raise InvalidInput(f"`{field}`: expected at least {least}, got {getattr(self, field)}")
        check_name(self.name, "`name`")
        if not self.spaces:
            raise InvalidInput("name a space with `space` (see 'vitnas spaces')")


class Listener(Watcher, Protocol):
    """Watches a measurement."""

    def traced(self, blocks: int) -> None:
        """So many blocks were listed so far."""
        ...

    def planned(self, plan: Plan, left: int) -> None:
        """What there is to measure is known; ``left`` probes were not measured before."""
        ...

    def warn(self, text: str) -> None:
        """Something the user should know."""
        ...


class Silent:
    """A listener that does nothing."""

    def traced(self, blocks: int) -> None:
        """Ignore."""

    def planned(self, plan: Plan, left: int) -> None:
        """Ignore."""

    def visited(self, done: int, total: int, probe: Probe, visit: Visit) -> None:
        """Ignore."""

    def warn(self, text: str) -> None:
        """Ignore."""


@dataclass(frozen=True)
class MeasureResult:
    """What was made.

    Attributes:
        path: of the profile.
        made: profile, table and held-out predictions.
        problems: probe -> why the runtime could not take it.
    """

    path: Path
    made: Made
    problems: tuple[tuple[Probe, str], ...]

    @property
    def profile(self) -> Profile:
        """The profile."""
        return self.made.profile


def measure_profile(
    settings: MeasureSettings, listener: Listener | None = None, *, trust: bool = False
) -> MeasureResult:
    """Measure every distinct block of the spaces and whole networks, and write a device.

    What an interrupted measurement of the same name did is not done again, ``fresh`` or not; another space
    adds to it.

    Args:
        settings: what to measure, and how.
        listener: watches.
        trust: whether code that a space names by its path may be imported.

    Raises:
        InvalidInput: a setting is wrong, or differs from those that this name was begun with.
        MissingExtra: the runtime is not installed; names the extra.
        InvalidSpace: a space cannot be built.
        RunLocked: another process measures under this name.
        KeyboardInterrupt: with a line that says how to go on.
    """
    with plugins.trusting(trust):
        return _measured(settings, listener or Silent())


def _measured(settings: MeasureSettings, listener: Listener) -> MeasureResult:
    plugins.ask(settings.runtime)
    runtime: Runtime = plugins.load_plugin("runtime", settings.runtime)(settings.threads)
    path = settings.out / f"{settings.name}.yaml"
    log = settings.out / f"{settings.name}.measure.jsonl"
    if path.is_file() and read_profile(path).kind != "measured":
        raise InvalidInput(f"{path} is a device that was not measured here; choose another `name`")
    if runtime.eager:
        listener.warn(
            f"{settings.runtime} runs networks as Python says; compiled or exported ones rank differently. "
            "Take its figures for what they are"
        )
    spaces = {name: _space(name, settings) for name in settings.spaces}  # before anything is written
    make_folder(settings.out)
    with RunLock(settings.out, f".{settings.name}.lock"):
        return _measure(settings, runtime, path, log, spaces, listener)


def _space(name: str, settings: MeasureSettings) -> Space:
    return load_space(name).at_resolution(settings.resolution_px)


def _measure(
    settings: MeasureSettings,
    runtime: Runtime,
    path: Path,
    log: Path,
    spaces: Mapping[str, Space],
    listener: Listener,
) -> MeasureResult:
    fixed = _fixed(settings, runtime)
    session = Session.anew(log, fixed) if settings.fresh else Session(log, fixed)
    names = list(dict.fromkeys([*session.spaces, *spaces]))
    plan = make_plan(
        [spaces[name] if name in spaces else _space(name, settings) for name in names],
        batch=settings.batch,
        copies=settings.copies,
        networks=settings.networks,
        progress=listener.traced,
    )
    with session:
        session.add_spaces(names)
        listener.planned(plan, sum(probe.id not in session.by_probe() for probe in plan.probes))
        _time(plan, runtime, session, settings, listener)
    made = make_table_profile(
        plan,
        times_of(plan, session.visits, settings.runs),
        name=settings.name,
        kind="measured",
        description=_description(settings, runtime),
        conditions=conditions_today(batch=settings.batch, **dataclasses.asdict(runtime.conditions())),
        copies=settings.copies,
    )
    write_profile(path, made)
    session.become(log)
    return MeasureResult(path, made, _problems(plan, session))


def write_profile(path: Path, made: Made) -> None:
    """Write the YAML, its table and its held-out predictions; the YAML last, so that it is never alone."""
    make_folder(path.parent)
    assert made.profile.table is not None
    write_table(path.parent / made.profile.table.file, made.table)
    write_check(check_path(path), made.held_out)
    save_profile(made.profile, path)


def times_of(plan: Plan, visits: list[Visit], runs: int) -> Times:
    """The calmest visit of each probe, without the cost of an empty call."""
    best = best_visits(visits)
    empty = best[EMPTY].median_ms if EMPTY in best else 0.0
    blocks = {}
    for probe in plan.blocks:
        if probe.id in best and probe.block is not None:
            visit = best[probe.id]
            blocks[probe.block] = Measured(
                max(visit.median_ms - empty, 0.0) / probe.copies, visit.iqr_ms / probe.copies, visit.runs
            )
    references = [ms for visit in visits if visit.runs for ms in (visit.before_ms, visit.after_ms)]
    low, median, high = np.quantile(references, [0.25, 0.5, 0.75]) if references else (0.0, np.nan, 0.0)
    return Times(
        empty_ms=empty,
        blocks=blocks,
        networks={p.id: best[p.id].median_ms for p in plan.networks if p.id in best},
        runs=min((visit.runs for visit in best.values()), default=runs),
        drift=float((high - low) / median),
        seconds=sum(visit.seconds for visit in visits),
    )


def _fixed(settings: MeasureSettings, runtime: Runtime) -> dict[str, object]:
    """Settings that make figures of two visits comparable."""
    conditions = dataclasses.asdict(runtime.conditions())
    own = {name: getattr(settings, name) for name in ("batch", "resolution_px", "networks", "runs", "copies")}
    return {**conditions, **own}


def _time(
    plan: Plan, runtime: Runtime, session: Session, settings: MeasureSettings, listener: Listener
) -> None:
    timer = Timer(runtime, block_probe(REFERENCE), session, settings.runs)
    try:
        timer.run(plan.probes, listener)
    except KeyboardInterrupt:
        done = sum(probe.id in session.by_probe() for probe in plan.probes)
        raise KeyboardInterrupt(
            f"interrupted after {done} of {len(plan.probes)}; nothing is lost: the same command goes on"
        ) from None


def _description(settings: MeasureSettings, runtime: Runtime) -> str:
    c = runtime.conditions()
    threads = f"{c.threads} thread{'s' if c.threads != 1 else ''}, " if c.threads else ""
    return f"{c.device}, {c.runtime}, {threads}batch {settings.batch}"


def _problems(plan: Plan, session: Session) -> tuple[tuple[Probe, str], ...]:
    probes = {probe.id: probe for probe in plan.probes}
    return tuple(
        (probes[visit.probe], visit.problem)
        for visit in session.visits
        if visit.problem and visit.probe in probes
    )
