"""Which genes a score of genomes does not see: changed alone, they never change it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from vitnas.space.activity import Genomes
from vitnas.space.space import Space

ROWS = 64  # genomes in which a gene is changed
SAME = 1e-9  # of the scores' range: what rounding may change
SHOWN = 6


def unseen_genes(
    space: Space, pool: Genomes, score: Callable[[Genomes], NDArray[np.float64]]
) -> tuple[str, ...]:
    """Names of the genes whose every choice gives the same score, in each of some genomes where they act.

    Args:
        space: the space.
        pool: canonical genomes (m, G) to change; a gene that acts in none of them is left out.
        score: of canonical genomes (n, G).
    """
    active = space.activity.active_genes(pool)
    tolerance = SAME * float(np.ptp(score(pool)))
    found = []
    for gene, named in enumerate(space.genes):
        rows = pool[active[:, gene]][:ROWS]
        if len(rows) and len(named.choices) > 1 and _is_unseen(space, rows, gene, score, tolerance):
            found.append(named.name)
    return tuple(found)


def _is_unseen(
    space: Space,
    rows: Genomes,
    gene: int,
    score: Callable[[Genomes], NDArray[np.float64]],
    tolerance: float,
) -> bool:
    choices = len(space.genes[gene].choices)
    for few in (rows[:1], rows):  # one is enough for most genes that count
        changed = np.repeat(few, choices, axis=0)
        changed[:, gene] = np.tile(np.arange(choices, dtype=np.uint8), len(few))
        scores = score(space.canonical(changed)).reshape(len(few), choices)
        if float(np.ptp(scores, axis=1).max()) > tolerance:
            return False
    return True


def unseen_note(name: str, genes: Sequence[str]) -> str:
    """The note about them; genes of the blocks of one segment are named once.

    Args:
        name: of the quality.
        genes: their names, such as ``stages.0.blocks.1.ratio[2]``.
    """
    stems = list(dict.fromkeys(gene.partition("[")[0] for gene in genes))
    more = f" and {len(stems) - SHOWN} more" if len(stems) > SHOWN else ""
    return f"{name} does not see genes {', '.join(stems[:SHOWN])}{more}: it rates their choices alike"
