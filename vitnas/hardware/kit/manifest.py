"""``kit.json``: what a kit holds, and all that an import needs to plan the same again."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from vitnas.errors import InvalidData
from vitnas.formats.fields import check_fields
from vitnas.formats.json_text import read_json
from vitnas.formats.path_name import check_name
from vitnas.formats.resolution import Resolution, parse_resolution
from vitnas.hardware.kit.exporter import Exporter
from vitnas.hardware.measure.probe import Probe
from vitnas.store.disk import atomic_write_json

FORMAT = 1
FILE = "kit.json"
MODELS, SPACES = "models", "spaces"


@dataclass(frozen=True)
class KitProbe:
    """One model of a kit.

    Attributes:
        id: in results.
        kind: ``empty``, ``block``, ``single`` (one copy of a chained block) or ``network``.
        name: for people.
        file: in the kit's folder.
        copies: of the block, chained.
        shape: of the input ``x``.
        content: fields of the block, or the architecture; for whoever reads the kit without vitnas.
        problem: why there is no model; empty if there is one.
    """

    id: str
    kind: str
    name: str
    file: str
    copies: int
    shape: tuple[int, ...]
    content: dict[str, Any]
    problem: str = ""


@dataclass(frozen=True)
class Manifest:
    """All of a kit.

    Attributes:
        runtime: name of the exporter.
        spaces: files in the kit's folder.
        batch: images a call.
        resolution_px: of the images; None is each space's own.
        copies: of a block in a chain, where it gives what it takes.
        networks: random ones of each space.
        blocks: how many of the blocks the kit has; None is all.
        seed: of the draw of networks.
        dtype: that the models compute in.
        conditions: what the kit implies of a profile's conditions.
        probes: the models.
    """

    runtime: str
    spaces: tuple[str, ...]
    batch: int
    resolution_px: Resolution | None
    copies: int
    networks: int
    blocks: int | None
    seed: int
    dtype: str
    conditions: dict[str, str]
    probes: tuple[KitProbe, ...]

    @property
    def problems(self) -> tuple[KitProbe, ...]:
        """Models that could not be written."""
        return tuple(probe for probe in self.probes if probe.problem)

    def with_problems(self, problems: dict[str, str]) -> Manifest:
        """The same, with the reason of every model that could not be written, by id."""
        return replace(self, probes=tuple(replace(p, problem=problems.get(p.id, "")) for p in self.probes))


def kit_probe(probe: Probe, exporter: Exporter) -> KitProbe:
    """A probe as it stands in the manifest."""
    return KitProbe(
        id=probe.id,
        kind=probe.kind,
        name=probe.name,
        file=f"{MODELS}/{probe.id}{exporter.suffix}",
        copies=probe.copies,
        shape=tuple(probe.example().shape),
        content=probe.content(),
    )


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write ``kit.json``; whole or not at all."""
    atomic_write_json(folder / FILE, {"format": FORMAT, **asdict(manifest)}, indent=1)


def read_manifest(folder: Path) -> Manifest:
    """Read ``kit.json``.

    Raises:
        InvalidData: the folder holds none, or one of another version; says what to do.
    """
    path = folder / FILE
    try:
        if not path.is_file():
            raise FileNotFoundError(path)
        data = read_json(path)
        found = data.pop("format")
        if found != FORMAT:
            raise InvalidData(f"{path}: format {found} is not one that this version reads; it reads {FORMAT}")
        check_fields(Manifest, data, str(path), InvalidData)
        for k, probe in enumerate(data["probes"]):
            check_fields(KitProbe, probe, f"{path}: probes.{k}", InvalidData)
        probes = tuple(KitProbe(**{**p, "shape": tuple(p["shape"])}) for p in data.pop("probes"))
        for probe in probes:
            check_name(probe.id, f"{path}: id", InvalidData)
        for file in data["spaces"]:
            check_name(file.removeprefix(f"{SPACES}/"), f"{path}: spaces", InvalidData)
        if data["resolution_px"] is not None:
            data["resolution_px"] = parse_resolution(data["resolution_px"])
        return Manifest(**{**data, "spaces": tuple(data["spaces"]), "probes": probes})
    except OSError:
        raise InvalidData(
            f"{folder} is no kit: it holds no {FILE}; name the kit's folder with `kit`"
        ) from None
    except InvalidData:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise InvalidData(f"{path}: no list of a kit: {problem}") from None
