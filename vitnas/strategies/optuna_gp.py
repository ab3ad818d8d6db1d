"""Optuna's Gaussian process sampler."""

from __future__ import annotations

from vitnas.strategies._optuna import ConstraintsFunc, OptunaStrategy, samplers


class OptunaGp(OptunaStrategy):
    """Optuna's Gaussian process; seconds a proposal in large spaces: for tens of dear trials."""

    at_once = 4

    def sampler(self, seed: int, constraints_func: ConstraintsFunc) -> samplers.BaseSampler:
        """Hypervolume improvement, with noise: scores of networks depend on their seed."""
        return samplers.GPSampler(n_startup_trials=self.startup, seed=seed, constraints_func=constraints_func)
