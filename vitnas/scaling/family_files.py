"""What the files of a family say of its networks."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vitnas import plugins
from vitnas.arch.schema import Architecture, save_architecture
from vitnas.cost.priced import TABLE_KINDS, Figures
from vitnas.cost.pricer import NetworkPricer, coverage, trace_architecture
from vitnas.cost.verify import require_equal
from vitnas.hardware.targets import coverage_of, describe
from vitnas.quality.fallback import log_capacity
from vitnas.scaling.edits import depths, widths
from vitnas.scaling.family_fields import check_family
from vitnas.scaling.rule import Network, Outcome
from vitnas.scaling.setup import Setup, stem_of
from vitnas.space.files import load_space
from vitnas.store.folder import RunFolder, current_versions
from vitnas.store.run_list import list_runs

COMMAND = "scale"
MEMBERS = "family"  # of a run folder


@dataclass(frozen=True)
class FamilyResult:
    """What a run ended with.

    Attributes:
        path: the run folder.
        document: ``family.json``: seed, rule, members, published networks, devices, what was missed.
        seconds: over all lives of the run.
    """

    path: Path
    document: dict[str, Any]
    seconds: float

    @property
    def missed(self) -> dict[str, str]:
        """Sizes that the rule did not reach, with the reason."""
        return dict(self.document["missed"])

    def to_dict(self) -> dict[str, Any]:
        """All of it, as ``scale --json`` prints it."""
        return {"path": str(self.path), "seconds": self.seconds, **self.document}


def size_text(size: int) -> str:
    """``5M``, ``12.5M``, ``100k``: what the user typed, near enough for a file's name."""
    for unit, factor in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if size >= factor:
            return f"{size / factor:.10g}{unit}"
    return str(size)


def family_document(setup: Setup, outcome: Outcome) -> dict[str, Any]:
    """``family.json``: what the same settings give again, bit for bit; nothing in it depends on time."""
    config = setup.config
    return {
        "seed": {"file": config.file, **_about(setup, setup.seed)},
        "rule": config.rule,
        "sizes": list(config.sizes),
        "settings": config.chosen,
        "proxies": list(config.deciding or config.proxies),
        "random_seed": config.seed,
        "budgets": dict(config.budgets),
        "limits": [str(bound) for bound in setup.bounds if bound.note],
        "targets": [dataclasses.asdict(target) for target in describe(setup.figures, setup.devices)],
        "batch": config.batch,
        "members": [_member(setup, size, network) for size, network in sorted(outcome.members.items())],
        "missed": {size_text(size): reason for size, reason in sorted(outcome.missed.items())},
        "steps": [_step(network) for network in outcome.path],
        "references": references_of(setup),
        "notes": list(setup.notes),
    }


def _about(setup: Setup, architecture: Architecture) -> dict[str, Any]:
    return {
        "name": architecture.name,
        "id": architecture.id,
        "depths": list(depths(architecture)),
        "widths": list(widths(architecture)),
        "resolution_px": architecture.resolution_px,
        "capacity": log_capacity(architecture),
        "out_of_domain": _out_of_domain(setup, architecture),
    }


def _out_of_domain(setup: Setup, architecture: Architecture) -> list[str]:
    """Why a device's prediction would be a guess."""
    if not setup.devices:
        return []
    traced = trace_architecture(architecture)
    return [
        f"{device.name}: {reason}" if len(setup.devices) > 1 else reason
        for device in setup.devices
        for reason in device.out_of_domain(traced, architecture.resolution_px)
    ]


def _member(setup: Setup, size: int, network: Network) -> dict[str, Any]:
    require_equal(network.architecture, network.costs, NetworkPricer(Figures()).price(network.architecture))
    found = {
        **_about(setup, network.architecture),
        "name": member_name(setup, size),
        "size": size,
        "file": f"{MEMBERS}/{size_text(size)}.yaml",
        "costs": dict(network.costs),
        "scores": dict(network.scores),
        "step": network.step,
        "move": network.move,
    }
    measured = {
        device.name: dataclasses.asdict(
            coverage_of(device, coverage(network.architecture, device), network.architecture)
        )
        for device in setup.devices
        if device.kind in TABLE_KINDS
    }
    return found | ({"coverage": measured} if measured else {})


def member_name(setup: Setup, size: int) -> str:
    """Of the network of a size."""
    return f"{stem_of(setup.config.file)}-{size_text(size)}"


def _step(network: Network) -> dict[str, Any]:
    return {
        "step": network.step,
        "id": network.architecture.id,
        "move": network.move,
        "depths": list(depths(network.architecture)),
        "widths": list(widths(network.architecture)),
        "costs": dict(network.costs),
        "scores": dict(network.scores),
    }


def references_of(setup: Setup) -> list[dict[str, Any]]:
    """Published networks of the seed's own space, priced for the same devices."""
    name = space_of(setup.config.file, setup.seed)
    if name is None:
        return []
    rows = []
    for reference in load_space(name).references.values():
        a = reference.architecture
        if all(device.knows(setup.config.batch, a.resolution_px) for device in setup.devices):
            rows.append(
                {**_about(setup, a), "costs": dict(setup.pricer.price(a)), "facts": dict(reference.facts)}
            )
    return rows


def space_of(file: str, seed: Architecture) -> str | None:
    """The space that a network comes from, if it is known here."""
    if ":" in file and not file.endswith((".yaml", ".yml")):
        return file.partition(":")[0]
    provenance = seed.metadata.get("provenance") or {}
    name = provenance.get("space") if isinstance(provenance, dict) else None
    return str(name) if name in plugins.list_data("search_spaces") else None


def write_members(setup: Setup, folder: RunFolder, outcome: Outcome, document: dict[str, Any]) -> None:
    """``family/*.yaml`` and ``family.json``."""
    (folder.path / MEMBERS).mkdir(exist_ok=True)
    for row in document["members"]:
        architecture = outcome.members[row["size"]].architecture
        named = dataclasses.replace(
            architecture, name=row["name"], metadata=_metadata(setup, folder, row, document)
        )
        save_architecture(named, Path(folder.path) / row["file"])
    folder.write_json("family.json", document)


def _metadata(
    setup: Setup, folder: RunFolder, row: dict[str, Any], document: dict[str, Any]
) -> dict[str, Any]:
    """The notes in the file of a member."""
    config = setup.config
    labels = " and ".join(target["label"] for target in document["targets"])
    metrics = {**row["costs"], "depth": sum(row["depths"]), "capacity": row["capacity"]}
    metrics |= {name: row[name] for name in ("scores", "coverage", "out_of_domain") if row.get(name)}
    return {
        "description": f"{setup.seed.name} scaled to {size_text(row['size'])} parameters, rule {config.rule}",
        "metrics": metrics,
        "provenance": {
            "vitnas": current_versions()["vitnas"],
            "run": folder.path.name,
            "created": folder.manifest["created"],
            "seed": setup.seed.id,
            "seed_file": config.file,
            "space": space_of(config.file, setup.seed),
            "rule": config.rule,
            "settings": document["settings"],
            "proxies": document["proxies"],
            "random_seed": config.seed,
            "budgets": dict(config.budgets),
            "device": labels or None,
            "id": row["id"],
        },
        "recipe": dict(setup.seed.metadata.get("recipe") or {}),
    }


def read_family(path: str | Path) -> tuple[FamilyResult, str]:
    """A family from its folder, and the state of the run; without members where it is not finished.

    Raises:
        RunError: there is no run, it is of another command, or another version of vitnas wrote it.
        RunCorrupt: a file cannot be read.
    """
    folder = RunFolder(path, COMMAND)
    folder.open()
    found = folder.read_json("family.json")
    document = {"members": [], "missed": {}} if found is None else found
    if found is not None:
        check_family(document, str(folder.path / "family.json"))
    seconds = float(folder.manifest.get("seconds") or 0.0)
    return FamilyResult(folder.path, document, seconds), list_runs(folder.path)[0].state
