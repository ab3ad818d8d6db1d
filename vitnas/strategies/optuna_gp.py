"""Optuna's Gaussian process sampler."""

from __future__ import annotations

from vitnas.strategies._optuna import ConstraintsFunc, Option, OptunaStrategy, samplers


class OptunaGp(OptunaStrategy):
    """Optuna's Gaussian process; seconds a proposal in large spaces: for tens of expensive trials."""

    at_once = Option(4, "proposals of an ask, which do not know of each other; 0: as many as begin", least=0)
    deterministic = Option(False, "whether a network's score is the same each time")

    def sampler(self, seed: int, constraints_func: ConstraintsFunc) -> samplers.BaseSampler:
        """Hypervolume improvement, with noise: scores of networks depend on their seed."""
        return samplers.GPSampler(
            n_startup_trials=self.startup,
            deterministic_objective=self.deterministic,
            seed=seed,
            constraints_func=constraints_func,
        )
