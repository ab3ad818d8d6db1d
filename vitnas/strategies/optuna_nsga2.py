"""Optuna's NSGA-II."""

from __future__ import annotations

from vitnas.strategies._optuna import ConstraintsFunc, Option, OptunaStrategy, samplers


class OptunaNsga2(OptunaStrategy):
    """Optuna's NSGA-II; ``population`` is that of the algorithm."""

    startup = 50  # the first generation
    at_once = Option(0, "proposals of an ask; 0: a generation", least=0)  # more would all come from one
    mutation = Option(0.0, "chance of a gene to be drawn anew; 0: for one gene on average", least=0, most=1)
    crossover = Option(0.9, "chance of a child to have two parents", least=0, most=1)
    swapping = Option(0.5, "chance of a gene to be taken from the second parent", least=0, most=1)

    def sampler(self, seed: int, constraints_func: ConstraintsFunc) -> samplers.BaseSampler:
        """NSGA-II; Optuna's own rates by default."""
        return samplers.NSGAIISampler(
            population_size=self.startup,
            mutation_prob=self.mutation or None,
            crossover_prob=self.crossover,
            swapping_prob=self.swapping,
            seed=seed,
            constraints_func=constraints_func,
        )
