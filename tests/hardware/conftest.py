"""A kit of a tiny space on a phone that is made up, and results that agree with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from vitnas.arch.network import Network
from vitnas.hardware.kit import write
from vitnas.hardware.kit.import_results import ImportSettings, import_results
from vitnas.hardware.kit.manifest import read_manifest
from vitnas.hardware.kit.probes import kit_probes
from vitnas.hardware.kit.write import KitSettings, write_kit
from vitnas.hardware.measure.plan import make_plan
from vitnas.hardware.measure.runtime import RuntimeConditions
from vitnas.space.files import load_space

SPACE = """
name: tiny
input: {channels: 3, resolution_px: 32}
classes: 10
stem: {op: conv_stem, activation: gelu}
stages:
  - width: {choice: [8, 16]}
    blocks:
      - {op: conv_ffn, repeat: {range: [1, 2]}, expansion: {choice: [2, 4]}}
  - down: {op: conv_down}
    width: {choice: [24, 32]}
    blocks:
      - {op: conv_ffn, repeat: {range: [1, 3]}, expansion: {choice: [2, 4]}}
head: {op: pooled_classifier, distilled: true, norm: batch}
"""
EMPTY_MS, BASE_MS, SCALE = 0.01, 0.2, 1.1


def work_ms(module: torch.nn.Module) -> float:
    """A network takes 0.2 ms + 1.1 x its parameters / 10,000; anything else 0.01 ms + its own / 10,000."""
    work = sum(p.numel() for p in module.parameters()) / 1e4
    return BASE_MS + SCALE * work if isinstance(module, Network) else EMPTY_MS + work


class Stub:
    suffix = ".stub"
    dtype = "float32"
    copies = 1
    templates: dict[str, str] = {}
    conditions = {"runtime": "Stub", "compute_units": "CPU"}
    by_hand = False

    def save(self, module, example, path: Path) -> None:
        path.write_text("")


class Silent:
    """Hears a measurement and a kit being written."""

    def traced(self, blocks) -> None:
        pass

    def planned(self, *about) -> None:
        pass

    def visited(self, *about) -> None:
        pass

    def written(self, *about) -> None:
        pass

    def warn(self, text) -> None:
        pass


class Fake:
    """A runtime whose times are known, but for some noise."""

    eager = False

    def __init__(self, threads: int = 1) -> None:
        self.random = np.random.default_rng(7)

    def conditions(self) -> RuntimeConditions:
        return RuntimeConditions("Fake CPU", "Fake 1.0", "Fake OS", "CPU", "float32", 1)

    def prepare(self, module, example):
        self.ms = work_ms(module)
        times = FakeTimed()
        times.ms, times.random = self.ms, self.random
        return times


class FakeTimed:
    def times_ms(self, runs: int) -> list[float]:
        return (self.ms * self.random.uniform(0.97, 1.03, runs)).tolist()


class Kit:
    """A kit of the tiny space, and results that agree with it."""

    def __init__(self, folder: Path, **settings) -> None:
        self.folder = folder
        space = folder.parent / "tiny.yaml"
        space.write_text(SPACE)
        write_kit(KitSettings((str(space),), "stub", folder, **{"networks": 8, **settings}), Silent())
        self.manifest = read_manifest(folder)
        plan = make_plan([load_space(str(space))], networks=8, copies=self.manifest.copies)
        with torch.device("meta"):
            self.times = {p.id: work_ms(p.module()) for p in kit_probes(plan, self.manifest.blocks)}
        self.warnings: list[str] = []
        self.blocks = [p.id for p in self.manifest.probes if p.kind == "block"]
        self.networks = [p.id for p in self.manifest.probes if p.kind == "network"]

    def write(self, times: dict[str, object] | None = None, header: str = "id,latency_ms") -> Path:
        path = self.folder / "results.csv"
        rows = [f"{key},{value}" for key, value in (self.times if times is None else times).items()]
        path.write_text("\n".join([header, *rows]) + "\n")
        return path

    def take(self, results: Path | None = None, **changes):
        settings = {"results": results or self.folder / "results.csv", "name": "phone"}
        settings |= {"out": self.folder.parent / "out", "device": "Pixel", "os": "Android 14", **changes}
        return import_results(ImportSettings(**settings), self.warnings.append)


@pytest.fixture
def make_kit(monkeypatch, tmp_path):
    monkeypatch.setattr(write, "load_exporter", lambda name: Stub())
    return lambda name="kit", **settings: Kit(tmp_path / name, **settings)


@pytest.fixture
def kit(make_kit) -> Kit:
    return make_kit()
