"""``vitnas profile kit``: a folder of models that somebody can measure without vitnas."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch

from vitnas.cost.device import BYTES_OF_DTYPE
from vitnas.errors import InvalidInput
from vitnas.formats.resolution import Resolution, read_resolution
from vitnas.hardware.kit.exporter import Exporter, load_exporter
from vitnas.hardware.kit.manifest import (
    FILE,
    MODELS,
    SPACES,
    KitProbe,
    Manifest,
    kit_probe,
    read_manifest,
    write_manifest,
)
from vitnas.hardware.kit.probes import elements, kit_probes
from vitnas.hardware.kit.words import write_words
from vitnas.hardware.measure.plan import NETWORKS, make_plan
from vitnas.hardware.measure.probe import Probe
from vitnas.hardware.measure.runtime import CannotConvert
from vitnas.plugins import find_data
from vitnas.space.files import load_space
from vitnas.space.space import Space
from vitnas.store.disk import make_folder, sweep

SEED = 0


@dataclass(frozen=True)
class KitSettings:
    """What to put into a kit.

    Attributes:
        spaces: names or files.
        runtime: ``coreml`` or ``onnx``.
        out: the kit's folder.
        batch: images a call.
        resolution_px: of the images; None takes each space's own.
        copies: of a block in a chain, where it gives what it takes; None takes what suits the runtime.
        networks: random whole networks a space; half calibrate, half check.
        blocks: how many blocks, spread over operators and sizes; None takes all.
    """

    spaces: tuple[str, ...]
    runtime: str
    out: Path
    batch: int = 1
    resolution_px: Resolution | None = None
    copies: int | None = None
    networks: int = NETWORKS
    blocks: int | None = None

    def __post_init__(self) -> None:
        if self.resolution_px is not None:
            sides = read_resolution(self.resolution_px, "`resolution_px`")
            object.__setattr__(self, "resolution_px", sides)
        for field, least in (("batch", 1), ("copies", 1), ("networks", 0), ("blocks", 5)):
            value = getattr(self, field)
            if value is not None and value < least:
                raise InvalidInput(f"`{field}`: expected at least {least}, got {value}")
        if not self.spaces:
            raise InvalidInput("name a space with `space` (see 'vitnas spaces')")


class KitListener(Protocol):
    """Watches a kit being written."""

    def traced(self, blocks: int) -> None:
        """So many blocks were listed so far."""
        ...

    def planned(self, manifest: Manifest, left: int, size_bytes: int) -> None:
        """What there is to write is known: ``left`` models, and the size of all of them together."""
        ...

    def written(self, done: int, total: int, probe: KitProbe) -> None:
        """A model was written, or its ``problem`` says why not."""
        ...


@dataclass(frozen=True)
class KitResult:
    """What was written; ``kept`` models stood there before."""

    folder: Path
    manifest: Manifest
    kept: int


def write_kit(settings: KitSettings, listener: KitListener) -> KitResult:
    """Write a kit, or go on with one that was begun with the same settings.

    A model that the converter refuses is named in the manifest, and the rest goes on.

    Raises:
        InvalidInput: a setting is wrong, or the folder holds something else.
        MissingExtra: the converter is not installed; names the extra.
        InvalidSpace: a space cannot be built.
    """
    exporter = load_exporter(settings.runtime)
    copies = exporter.copies if settings.copies is None else settings.copies
    files = {str(name): find_data("search_spaces", name) for name in settings.spaces}
    spaces = [load_space(name).at_resolution(settings.resolution_px) for name in files]
    plan = make_plan(
        spaces,
        batch=settings.batch,
        copies=copies,
        networks=settings.networks,
        seed=SEED,
        progress=listener.traced,
    )
    probes = kit_probes(plan, settings.blocks)
    manifest = _manifest(settings, exporter, copies, spaces, probes)
    before = _claim(settings.out, manifest)
    write_words(settings.out, exporter, manifest, dict(zip(_names(spaces), files.values(), strict=True)))
    size = sum(elements(plan, probe) for probe in probes) * BYTES_OF_DTYPE[exporter.dtype]
    problems, kept = _write_models(settings.out, exporter, manifest, probes, before, size, listener)
    manifest = manifest.with_problems(problems)
    write_manifest(settings.out, manifest)
    return KitResult(settings.out, manifest, kept)


def _names(spaces: Iterable[Space]) -> list[str]:
    names = [space.name for space in spaces]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InvalidInput(f"`space`: two spaces are named '{twice}'; a kit tells them apart by name")
    return names


def _manifest(
    settings: KitSettings, exporter: Exporter, copies: int, spaces: list[Space], probes: list[Probe]
) -> Manifest:
    return Manifest(
        runtime=settings.runtime,
        spaces=tuple(f"{SPACES}/{name}.yaml" for name in _names(spaces)),
        batch=settings.batch,
        resolution_px=settings.resolution_px,
        copies=copies,
        networks=settings.networks,
        blocks=settings.blocks,
        seed=SEED,
        dtype=exporter.dtype,
        conditions=dict(exporter.conditions),
        probes=tuple(kit_probe(probe, exporter) for probe in probes),
    )


def _claim(folder: Path, manifest: Manifest) -> Manifest | None:
    """Begin a kit in an empty folder, or return the manifest of the same one that was begun there."""
    sweep(folder, FILE)
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / FILE).exists())):
        raise InvalidInput(f"`out`: {folder} holds something else than a kit; name a new folder")
    before = read_manifest(folder) if (folder / FILE).exists() else None
    if before is None:
        make_folder(folder)
        write_manifest(folder, manifest)
    else:
        _require_same(folder, before, manifest)
    for part in (MODELS, SPACES):
        make_folder(folder / part)
    return before


def _require_same(folder: Path, before: Manifest, manifest: Manifest) -> None:
    for field in dataclasses.fields(Manifest):
        old, new = getattr(before, field.name), getattr(manifest, field.name)
        if field.name != "probes" and old != new:
            raise InvalidInput(
                f"`out`: {folder} holds a kit with {field.name} {old}, not {new}; name a new folder"
            )
    if [p.id for p in before.probes] != [p.id for p in manifest.probes]:
        raise InvalidInput(f"`out`: {folder} holds a kit of other blocks or networks; name a new folder")


def _write_models(
    folder: Path,
    exporter: Exporter,
    manifest: Manifest,
    probes: list[Probe],
    before: Manifest | None,
    size_bytes: int,
    listener: KitListener,
) -> tuple[dict[str, str], int]:
    """Why each model that is missing is missing, and how many stood there before."""
    problems = {probe.id: probe.problem for probe in before.problems} if before else {}
    todo = [
        (probe, listed)
        for probe, listed in zip(probes, manifest.probes, strict=True)
        if not (folder / listed.file).exists()
    ]
    kept = len(probes) - len(todo)
    listener.planned(manifest, len(todo), size_bytes)
    for done, (probe, listed) in enumerate(todo, start=kept + 1):
        problems.pop(probe.id, None)
        try:
            _write_model(exporter, probe, folder / listed.file)
        except CannotConvert as problem:
            problems[probe.id] = str(problem)
        listed = dataclasses.replace(listed, problem=problems.get(probe.id, ""))
        listener.written(done, len(probes), listed)
    return problems, kept


def _write_model(exporter: Exporter, probe: Probe, path: Path) -> None:
    """Write under another name first: a file of the right name is a whole one."""
    part = path.with_name(f"part-{path.name}")
    if part.is_dir():
        shutil.rmtree(part)
    part.unlink(missing_ok=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        module = probe.module()
    try:
        exporter.save(module, probe.example(), part)
        part.replace(path)
    finally:
        if part.is_dir():
            shutil.rmtree(part)
        part.unlink(missing_ok=True)
