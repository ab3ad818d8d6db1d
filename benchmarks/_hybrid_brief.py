"""Trainings of ten seconds as a score: as ``--quality train --seconds 10`` does them, and with equal MACs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from _hybrid_scores import Values, searched_pool
from _hybrid_train import BATCH, append, images

from vitnas.cost.table import CostTable
from vitnas.space.activity import Genomes
from vitnas.space.files import recipe_of
from vitnas.space.space import Space
from vitnas.training.brief import BriefSettings, train_briefly
from vitnas.training.length import Length, length_of_seconds

SECONDS = 10.0
SEED = 100  # none of the truth's
RESULTS = "brief.jsonl"


def brief_trainings(space: Space, genomes: Genomes, file: Path, work: Path) -> dict[str, Values]:
    """Accuracies (n,) after ten seconds, with equal images and with equal MACs; the folder keeps them."""
    data, table = images(file, work), CostTable.cached(space)
    macs, available = table.price(genomes)["macs"], len(data.train_labels)
    pool = table.price(searched_pool(space))["macs"]
    same = length_of_seconds(SECONDS, pool, BATCH, available)
    own = [length_of_seconds(SECONDS, macs[k : k + 1], BATCH, available) for k in range(len(macs))]
    known = _known(work / RESULTS)
    found: dict[str, list[float]] = {}
    for name, lengths in ((f"train, {SECONDS:g} s", [same] * len(own)), ("train, 10 s, equal MACs", own)):
        values = found.setdefault(name, [])
        for genome, length in zip(genomes, lengths, strict=True):
            key = f"{genome.tobytes().hex()} {length.epochs}x{length.images}"
            if key not in known:
                settings = _settings(length)
                known[key] = train_briefly(space.decode(genome), data, settings, recipe_of(space))[-1]
                append(work / RESULTS, {"key": key, "accuracy": known[key]})
            values.append(known[key])
    return {name: np.array(values) for name, values in found.items()}


def _settings(length: Length) -> BriefSettings:
    return BriefSettings(epochs=length.epochs, images=length.images, batch=BATCH, seed=SEED)


def _known(file: Path) -> dict[str, float]:
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    records = [json.loads(line) for line in lines if line.endswith("}")]
    return {record["key"]: record["accuracy"] for record in records}
