"""The truth sets of the repository are what they say."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from vitnas.cost.table import CostTable
from vitnas.space.files import load_space
from vitnas.space.rows import read_rows

TRUTH = Path(__file__).parents[2] / "benchmarks" / "truth"


@pytest.fixture(scope="module")
def hybrids():
    space = load_space(TRUTH / "hybrid32.yaml")
    rows = read_rows(TRUTH / "hybrid32.csv", space)
    with (TRUTH / "hybrid32.csv").open(newline="") as stream:
        return rows, CostTable.build(space).price(rows.genomes), list(csv.DictReader(stream))


def test_counts_and_ids(hybrids):
    rows, costs, cells = hybrids
    assert len(rows) >= 120 == len(set(rows.ids)) == len({g.tobytes() for g in rows.genomes})
    for name, column in (("params", "params_m"), ("macs", "macs_m")):
        np.testing.assert_array_equal(costs[name], [round(float(row[column]) * 1e6) for row in cells])
    assert costs["macs"].max() >= 5 * costs["macs"].min()


def test_groups_are_of_equal_cost(hybrids):
    _, costs, cells = hybrids
    groups = defaultdict(list)
    for k, row in enumerate(cells):
        groups[row["group"]].append(k)
    assert len(groups.pop("")) == 60 == sum(map(len, groups.values()))
    for members in groups.values():
        assert len(members) >= 5
        for name in ("params", "macs"):
            assert costs[name][members].max() <= 1.02 * costs[name][members].min()


def test_the_jobs_are_those_networks(hybrids):
    rows, _, _ = hybrids
    with (TRUTH / "hybrid32.jobs.csv").open(newline="") as stream:
        jobs = list(csv.DictReader(stream))
    genomes = {own: genome.tobytes().hex() for own, genome in zip(rows.ids, rows.genomes, strict=True)}
    assert all(genomes[job["network"]] == job["genome"] for job in jobs)
    assert len({job["job"] for job in jobs}) == len(jobs)
    assert sum(job["epochs"] == "12" for job in jobs) >= 24
    assert len({job["network"] for job in jobs if job["seed"] == "2"}) >= len(rows) / 4
