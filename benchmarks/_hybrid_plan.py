"""Which hybrids are trained, how often and how long, and in which order; all of it follows from one seed."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vitnas.cost.table import Costs, CostTable
from vitnas.space.files import load_space
from vitnas.space.space import Space
from vitnas.store.disk import atomic_write_csv

TRUTH = Path(__file__).parent / "truth"
SPACE_FILE = TRUTH / "hybrid32.yaml"
PLAN = TRUTH / "hybrid32.jobs.csv"
SEED, POOL = 20261201, 600_000
MACS = (1.5e6, 8e6)
RANDOM, GROUPS, MEMBERS = 60, 12, 5
NEAR = 0.0099  # of a group's first network, in params and in MACs: any two are within 2 %
SHORT, LONG = 3, 12  # epochs
# Where in the work each kind of job begins and ends, as multiples of the first trainings of the groups: a
# part of the work is useful as well.
SPANS = {"group": (0.0, 1.0), "random": (0.15, 1.8), "repeat": (0.2, 2.2), "long": (0.4, 1.6)}
GROUP_ORDER = (1, 5, 3, 0, 8, 2, 4, 10, 6, 7, 9, 11)  # 0 has the fewest MACs
LONG_GROUPS, REPEATED_GROUPS = (1, 5, 8, 3, 10), (1, 5, 8)
REPEATED_RANDOM = 15


@dataclass(frozen=True)
class Hybrid:
    """A network of the set.

    Attributes:
        id: such as ``g03-2``, the third network of the fourth group, or ``r17``.
        group: of equal cost; empty for one drawn alone.
        genome: hexadecimal digits.
    """

    id: str
    group: str
    genome: str
    params: int
    macs: int


@dataclass(frozen=True)
class Training:
    """One job."""

    network: Hybrid
    seed: int
    epochs: int

    @property
    def id(self) -> str:
        return f"{self.network.id}-s{self.seed}-e{self.epochs}"


def hybrid_space() -> Space:
    return load_space(SPACE_FILE)


def networks() -> list[Hybrid]:
    """The set: half spread over MACs, half in groups of equal parameters and MACs."""
    space, rng = hybrid_space(), np.random.default_rng(SEED)
    pool = space.sample(POOL, rng)
    table = CostTable.cached(space)
    macs = table.price(pool)["macs"]
    pool = pool[(macs >= MACS[0]) & (macs <= MACS[1])]
    costs = table.price(pool)
    alone = _spread(costs, RANDOM, rng)
    found = [("", f"r{k:02d}", row) for k, row in enumerate(alone)]
    for number, row in enumerate(_spread_centres(costs, rng)):
        name = f"g{number:02d}"
        found += [(name, f"{name}-{k}", own) for k, own in enumerate(row)]
    return [
        Hybrid(own, group, pool[row].tobytes().hex(), int(costs["params"][row]), int(costs["macs"][row]))
        for group, own, row in found
    ]


def _spread(costs: Costs, number: int, rng: np.random.Generator) -> list[int]:
    """One network at random of each of ``number`` equal steps of ln MACs."""
    steps = _steps(costs, number)
    return [int(rng.choice(np.flatnonzero(steps == k))) for k in range(number)]


def _spread_centres(costs: Costs, rng: np.random.Generator) -> list[list[int]]:
    """Groups, one in each of equal steps of ln MACs: a network at random, and others of its cost."""
    steps, groups = _steps(costs, GROUPS), []
    for k in range(GROUPS):
        while True:
            centre = int(rng.choice(np.flatnonzero(steps == k)))
            near = np.ones(len(costs), np.bool_)
            for name in ("params", "macs"):
                near &= np.abs(costs[name] / costs[name][centre] - 1) <= NEAR
            near[centre] = False
            if near.sum() >= MEMBERS - 1:
                break
        others = rng.choice(np.flatnonzero(near), MEMBERS - 1, replace=False)
        groups.append([centre, *others.tolist()])
    return groups


def _steps(costs: Costs, number: int) -> np.ndarray:
    place = np.log(costs["macs"] / MACS[0]) / np.log(MACS[1] / MACS[0])
    return np.minimum((place * number).astype(np.int64), number - 1)


def trainings(found: Sequence[Hybrid]) -> list[Training]:
    """All jobs, the most useful ones first."""
    groups = [[n for n in found if n.group == f"g{k:02d}"] for k in range(GROUPS)]
    alone = [n for n in found if not n.group]
    alone = [alone[k] for k in np.random.default_rng(SEED).permutation(len(alone))]
    again = [*_members(groups, REPEATED_GROUPS), *alone[:REPEATED_RANDOM]]
    lanes = {
        "group": [Training(n, 0, SHORT) for n in _members(groups, GROUP_ORDER)],
        "random": [Training(n, 0, SHORT) for n in alone],
        "repeat": [Training(n, seed, SHORT) for n in again for seed in (1, 2)],
        "long": [Training(n, 0, LONG) for n in _members(groups, LONG_GROUPS)],
    }
    placed = []
    for name, jobs in lanes.items():
        low, high = SPANS[name]
        placed += [(low + (high - low) * k / len(jobs), job) for k, job in enumerate(jobs)]
    return [job for _, job in sorted(placed, key=lambda pair: pair[0])]


def _members(groups: Sequence[Sequence[Hybrid]], order: Sequence[int]) -> list[Hybrid]:
    return [network for k in order for network in groups[k]]


COLUMNS = ("job", "network", "group", "genome", "params", "macs", "seed", "epochs")


def write_plan(file: Path) -> list[Training]:
    """The list of jobs, written once; a list that is there is read, so that it never changes under way."""
    if not file.is_file():
        jobs = trainings(networks())
        rows = [
            (j.id, n.id, n.group, n.genome, n.params, n.macs, j.seed, j.epochs)
            for j in jobs
            for n in [j.network]
        ]
        atomic_write_csv(file, [COLUMNS, *rows])
    return read_plan(file)


def read_plan(file: Path) -> list[Training]:
    """The jobs that ``write_plan`` has listed."""
    with file.open(newline="", encoding="utf-8") as stream:
        return [
            Training(
                Hybrid(r["network"], r["group"], r["genome"], int(r["params"]), int(r["macs"])),
                int(r["seed"]),
                int(r["epochs"]),
            )
            for r in csv.DictReader(stream)
        ]
