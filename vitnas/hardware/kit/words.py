"""What stands in a kit beside the models: scripts, instructions, the spaces, lists."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from vitnas.formats.resolution import as_scalar, by_pixels, parse_resolution
from vitnas.hardware.kit.exporter import Exporter
from vitnas.hardware.kit.manifest import SPACES, KitProbe, Manifest
from vitnas.store.disk import atomic_write_csv, atomic_write_parts, atomic_write_text

LIST_COLUMNS = ("id", "kind", "name", "file", "copies")
RESULT_COLUMNS = ("id", "latency_ms", "iqr_ms", "runs")
ORDER = ("empty", "single", "network", "block")


def write_words(folder: Path, exporter: Exporter, manifest: Manifest, spaces: dict[str, Path]) -> None:
    """Write everything but the models: scripts, instructions, spaces (name -> file), lists."""
    for name, source in spaces.items():
        atomic_write_parts(folder / SPACES / f"{name}.yaml", [source.read_bytes()])
    for name, template in exporter.templates.items():
        text = resources.files("vitnas.hardware.kit").joinpath("templates", template).read_text("utf-8")
        if name.endswith(".md"):
            for key, value in _words(manifest).items():
                text = text.replace(f"@{key}@", value)
        atomic_write_text(folder / name, text)
    listed = [[getattr(probe, column) for column in LIST_COLUMNS] for probe in manifest.probes]
    atomic_write_csv(folder / "probes.csv", [LIST_COLUMNS, *listed])
    if not (folder / "results.csv").exists():
        _write_results(folder / "results.csv", manifest.probes if exporter.by_hand else ())


def _write_results(path: Path, probes: Sequence[KitProbe]) -> None:
    """A header, and a row without a time for each probe; what matters most comes first."""
    ordered = sorted(probes, key=lambda probe: ORDER.index(probe.kind))
    header = (*RESULT_COLUMNS, "name") if probes else RESULT_COLUMNS
    atomic_write_csv(path, [header, *((probe.id, "", "", "", probe.name) for probe in ordered)])


def _words(manifest: Manifest) -> dict[str, str]:
    kinds = [probe.kind for probe in manifest.probes]
    sizes = {parse_resolution(probe.shape[-2:]) for probe in manifest.probes if probe.kind == "network"}
    return {
        "EXAMPLE": manifest.probes[1].id if len(kinds) > 1 else "empty",
        "SPACES": ", ".join(Path(file).stem for file in manifest.spaces),
        "MODELS": str(len(kinds)),
        "BLOCKS": _blocks_in_words(manifest, kinds),
        "NETWORKS": str(kinds.count("network")),
        "BATCH": str(manifest.batch),
        "PIXELS": ", ".join(str(as_scalar(size)) for size in sorted(sizes, key=by_pixels)) or "no",
    }


def _blocks_in_words(manifest: Manifest, kinds: Sequence[str]) -> str:
    words = f"{kinds.count('block')} building blocks"
    if manifest.copies > 1:
        alone = kinds.count("single")
        words += f" (chains of {manifest.copies} where a block allows it; {alone} of them alone too)"
    return words
