from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from vitnas.searching.feasible import FeasibleSampler
from vitnas.searching.problem import Batch
from vitnas.space.activity import Genomes
from vitnas.space.files import load_space
from vitnas.space.space import Space


class FakeProblem:
    """Closed-form objectives: a quality with diminishing returns (negated) and two costs.

    A share of genomes is within a budget on the first cost; of those, one in eleven cannot be scored.
    """

    n_objectives = 3

    def __init__(self, space: Space, share: float) -> None:
        self.space = space
        rng = np.random.default_rng(17)
        scale = np.maximum(space.cardinalities - 1, 1)
        self._weights = rng.random((3, len(space.genes))) / scale
        costs = self._costs(space.sample(20_000, np.random.default_rng(1)))
        self._limit = float(np.quantile(costs[:, 0], share))
        self._sampler = FeasibleSampler(space, self.violation)

    def _costs(self, genomes: Genomes) -> NDArray[np.float64]:
        return np.asarray(genomes @ self._weights[:2].T + 0.1)

    def violation(self, genomes: Genomes) -> NDArray[np.float64]:
        return np.maximum(self._costs(genomes)[:, 0] / self._limit - 1, 0)

    def sample_feasible(self, n: int, rng: np.random.Generator) -> Genomes:
        return self._sampler.sample(n, rng)

    def feasible(self, genomes: Genomes) -> NDArray[np.bool_]:
        return self.violation(genomes) == 0

    def evaluate(self, genomes: Genomes) -> Batch:
        quality = np.sqrt(genomes * self._weights[2]).sum(axis=1)
        objectives = np.column_stack([-quality, self._costs(genomes)])
        violation = self.violation(genomes)
        cannot = self.space.keys(genomes) % np.uint64(11) == 0
        objectives[(violation > 0) | cannot] = np.nan
        return Batch(genomes, objectives, violation)


@pytest.fixture(scope="session")
def make_problem() -> Callable[..., FakeProblem]:
    """``make_problem(share)``: in a small space; ``make_problem(share, large=True)``: in a large one."""
    small = load_space(
        {
            "name": "small",
            "input": {"channels": 3, "resolution_px": 64},
            "classes": 10,
            "stem": {"op": "conv_stem", "activation": {"choice": ["relu", "gelu"]}},
            "stages": [
                {
                    "width": {"choice": [16, 24, 32, 48]},
                    "blocks": [
                        {"op": "conv_ffn", "repeat": {"range": [1, 5]}, "expansion": {"choice": [2, 3, 4]}}
                    ],
                }
            ],
            "head": {"op": "pooled_classifier"},
        }
    )
    made: dict[tuple[float, bool], FakeProblem] = {}

    def make(share: float = 0.5, *, large: bool = False) -> FakeProblem:
        space = load_space("efficientformer") if large else small
        return made.setdefault((share, large), FakeProblem(space, share))

    return make
