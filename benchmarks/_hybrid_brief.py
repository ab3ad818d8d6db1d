"""Trainings of ten seconds as a score, as ``--quality train --seconds 10`` does them."""

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
from vitnas.training.length import length_of_seconds

SECONDS = 10.0
SEED = 100  # none of the truth's
RESULTS = "brief.jsonl"
NAME = f"train, {SECONDS:g} s"


def brief_trainings(space: Space, genomes: Genomes, file: Path, work: Path) -> Values:
    """Accuracies (n,) after ten seconds, other initial weights than the truth's; the folder keeps them."""
    data, table = images(file, work), CostTable.cached(space)
    macs = table.price(searched_pool(space))["macs"]
    length = length_of_seconds(SECONDS, macs, BATCH, len(data.train_labels))
    settings = BriefSettings(epochs=length.epochs, images=length.images, batch=BATCH, seed=SEED)
    known, values = _known(work / RESULTS), []
    for genome in genomes:
        key = f"{genome.tobytes().hex()} {length.epochs}x{length.images}"
        if key not in known:
            known[key] = train_briefly(space.decode(genome), data, settings, recipe_of(space))[-1]
            append(work / RESULTS, {"key": key, "accuracy": known[key]})
        values.append(known[key])
    return np.array(values)


def _known(file: Path) -> dict[str, float]:
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    records = [json.loads(line) for line in lines if line.endswith("}")]
    return {record["key"]: record["accuracy"] for record in records}
