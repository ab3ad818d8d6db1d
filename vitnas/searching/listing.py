"""A small space is no search: what is feasible in it is listed, and all of it is scored."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitnas.searching.problem import Batch, Problem, SearchProblem
from vitnas.searching.rounds import State
from vitnas.searching.strategy import Strategy
from vitnas.space.activity import Activity, Genomes
from vitnas.space.lookup import Column

MOST = 1 << 17  # feasible genomes; looking for more than there are ends after some tenths of a second
ROUNDING = 1e-9  # relative: sums in another order differ by less
POSITION = "listed"  # in a state, which tells it from that of a search


def feasible_genomes(problem: SearchProblem, most: int = MOST) -> Genomes | None:
    """All feasible canonical genomes (m, G); None where there are more than ``most``, or may be.

    Genes are set one after the other, those first that decide whether others have an effect. Of what is set,
    the least that a network can cost is known: what exceeds a budget in any case is dropped at once, so that
    even a thousand million architectures are no matter where budgets leave few of them.
    """
    space, most = problem.space, min(most, MOST)
    if not problem.budgets and space.size > most:
        return None
    genomes, fixed = np.zeros((1, len(space.genes)), np.uint8), set[int]()
    for gene in _order(space.activity):
        fixed.add(gene)
        choices = int(space.cardinalities[gene])
        genomes = np.repeat(genomes, choices, axis=0)
        genomes[:, gene] = np.tile(np.arange(choices, dtype=np.uint8), len(genomes) // choices)
        if gene in space.activity.gated and space.activity.controls(gene) <= fixed:
            genomes = genomes[space.canonical(genomes)[:, gene] == genomes[:, gene]]
        genomes = genomes[_within_reach(problem, genomes, fixed)]
        if len(genomes) > MOST:
            return None
    genomes = genomes[(space.canonical(genomes) == genomes).all(axis=1) & problem.feasible(genomes)]
    listed: Genomes = genomes[np.lexsort(genomes.T)] if len(space.genes) else genomes
    return listed if len(listed) <= most else None


def _order(activity: Activity) -> list[int]:
    """All genes, each after those that decide whether it has an effect."""
    order: dict[int, None] = {}

    def visit(gene: int, above: Collection[int]) -> None:
        for control in sorted(activity.controls(gene) - {*above, gene}):
            visit(control, {*above, gene})
        order.setdefault(gene)

    for gene in range(len(activity.cardinalities)):
        visit(gene, ())
    return list(order)


def _within_reach(problem: SearchProblem, genomes: Genomes, fixed: Collection[int]) -> NDArray[np.bool_]:
    """Whether (n,) budgets may be met, whatever the genes that are not fixed are."""
    table = problem.table
    bounds = table.with_columns([_least(column, fixed) for column in table.columns]).price(genomes)
    excess = [b.excess(bounds[b.cost]) for b in problem.budgets if b.is_met_by_less]
    return np.asarray(sum(excess, start=np.zeros(len(genomes))) <= ROUNDING)


def _least(column: Column, fixed: Collection[int]) -> Column:
    """Each figure's least value over the genes that are not fixed."""
    open_axes = tuple(axis for axis, gene in enumerate(column.genes) if gene not in fixed)
    values = column.values.reshape(*column.shape, -1).min(axis=open_axes)
    kept = [axis for axis in range(len(column.genes)) if axis not in open_axes]
    genes, shape = (tuple(own[axis] for axis in kept) for own in (column.genes, column.shape))
    return Column(genes, shape, values.reshape(-1, column.values.shape[1]))


class Listing(Strategy):
    """Proposes every genome of a list once.

    Args:
        problem: what is searched.
        every: all feasible genomes (m, G).
    """

    takes_late = True

    def __init__(self, problem: Problem, every: Genomes) -> None:
        super().__init__(problem, 0)
        self._every = every
        self._position = 0

    def ask(self, n: int) -> Genomes:
        """The next ``n``."""
        start, self._position = self._position, self._position + n
        return self._every[start : self._position]

    def tell(self, batch: Batch) -> None:
        """Nothing to learn."""

    def state(self) -> State:
        """How far it is."""
        return {POSITION: np.array(self._position)}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from there."""
        self._position = int(state[POSITION])
