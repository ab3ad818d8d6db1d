"""The table of hybrids and their accuracies."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from _hybrid_plan import LONG, SHORT, TRUTH, Hybrid, Training, hybrid_space
from _hybrid_train import SHIPPED

from vitnas.space.gene_columns import Columns
from vitnas.space.space import Space
from vitnas.store.disk import atomic_write_csv, atomic_write_text

TABLE = TRUTH / "hybrid32.csv"
SEEDS = (0, 1, 2)


def kinds(jobs: Sequence[Training]) -> dict[str, list[Training]]:
    """The jobs by what they are for."""
    short = [job for job in jobs if job.epochs == SHORT]
    return {
        f"{SHORT} epochs, groups": [j for j in short if j.seed == 0 and j.network.group],
        f"{SHORT} epochs, random": [j for j in short if j.seed == 0 and not j.network.group],
        f"{SHORT} epochs, further seeds": [j for j in short if j.seed > 0],
        f"{LONG} epochs, groups": [j for j in jobs if j.epochs == LONG],
    }


def write(jobs: Sequence[Training], results: Sequence[dict[str, Any]]) -> None:
    """Every planned network with the accuracies that are known, and the finished jobs."""
    space = hybrid_space()
    accuracies = {r["job"]: r["accuracies"][-1] for r in results if "failure" not in r}
    networks = sorted({job.network for job in jobs}, key=lambda n: n.id)
    columns = [c.name for c in Columns(space).named.values()]
    labels = ["acc", *(f"acc_seed{seed}" for seed in SEEDS), "acc_long"]
    header = ["id", "group", "params_m", "macs_m", *columns, *labels]
    rows = [[*_facts(n), *_genes(space, n), *_labels(n, accuracies)] for n in networks]
    atomic_write_csv(TABLE, [header, *rows])
    atomic_write_text(SHIPPED, "".join(json.dumps(record) + "\n" for record in results))


def _facts(network: Hybrid) -> list[object]:
    return [network.id, network.group, f"{network.params / 1e6:.6f}", f"{network.macs / 1e6:.6f}"]


def _genes(space: Space, network: Hybrid) -> list[str]:
    """One cell a column; a list has as many values as there are blocks."""
    genome = np.frombuffer(bytes.fromhex(network.genome), np.uint8)
    chosen = space.chosen(genome)
    cells, depth = [], 0
    for column in Columns(space).named.values():
        if column.blocks:
            cells.append(";".join(str(chosen[gene]) for gene in column.genes[:depth]))
        else:
            depth = int(chosen[column.genes[0]])
            cells.append(str(depth))
    return cells


def _labels(network: Hybrid, accuracies: dict[str, float]) -> list[str]:
    short = [accuracies.get(f"{network.id}-s{seed}-e{SHORT}") for seed in SEEDS]
    known = [value for value in short if value is not None]
    mean = float(np.mean(known)) if known else None
    values = [mean, *short, accuracies.get(f"{network.id}-s0-e{LONG}")]
    return ["" if value is None else f"{value:.2f}" for value in values]
