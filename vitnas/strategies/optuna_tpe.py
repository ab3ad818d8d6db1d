"""Optuna's tree-structured Parzen estimator."""

from __future__ import annotations

from vitnas.strategies._optuna import ConstraintsFunc, Option, OptunaStrategy, samplers


class OptunaTpe(OptunaStrategy):
    """Optuna's tree-structured Parzen estimator; for up to 1,000 trials."""

    multivariate = Option(True, "whether genes are modelled together")
    candidates = Option(24, "draws from the model, of which the most promising one is proposed", least=1)

    def sampler(self, seed: int, constraints_func: ConstraintsFunc) -> samplers.BaseSampler:
        """Multivariate by default: a quarter of the time of independent parameters at 1,000 trials."""
        return samplers.TPESampler(
            n_startup_trials=self.startup,
            multivariate=self.multivariate,
            n_ei_candidates=self.candidates,
            constant_liar=True,
            seed=seed,
            constraints_func=constraints_func,
        )
