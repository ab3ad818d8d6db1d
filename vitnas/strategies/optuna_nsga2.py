"""Optuna's NSGA-II."""

from __future__ import annotations

from vitnas.strategies._optuna import ConstraintsFunc, OptunaStrategy, samplers


class OptunaNsga2(OptunaStrategy):
    """Optuna's NSGA-II; ``population`` is that of the algorithm."""

    startup = 50  # the first generation
    at_once = None  # more proposals in flight than a generation has would all come from the one before

    def sampler(self, seed: int, constraints_func: ConstraintsFunc) -> samplers.BaseSampler:
        """NSGA-II with Optuna's own rates."""
        return samplers.NSGAIISampler(
            population_size=self.startup, seed=seed, constraints_func=constraints_func
        )
