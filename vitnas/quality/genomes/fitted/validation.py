"""How well a fitted quality ranks labels that it has not seen, beside what needs no labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitnas.quality.genomes.fitted.ridge import EVIDENCE_ROWS, GroupedRidge, LogNormal, fit_variances

Array = NDArray[np.float64]
FOLDS = 10
FOLD_EVIDENCE_ROWS = EVIDENCE_ROWS // 2
RESAMPLES = 200


@dataclass(frozen=True)
class Validation:
    """Kendall's tau-b between labels and predictions of models that did not see them.

    Attributes:
        tau: over the labelled architectures, each predicted from the other folds.
        deviation: of ``tau``, by bootstrap over the architectures.
        folds: number of them.
        beside: tau of other qualities on the same architectures, by name.
        ratios: (n,) each residual's size over the deviation that was predicted for it.
    """

    tau: float
    deviation: float
    folds: int
    beside: Mapping[str, float]
    ratios: tuple[float, ...] = field(repr=False, default=())

    def __str__(self) -> str:
        others = " and ".join(f"{name} {_short(tau)}" for name, tau in self.beside.items())
        return f"cross-validated tau {_short(self.tau)} ± {_short(self.deviation)}, beside {others}"

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self) | {"beside": dict(self.beside), "ratios": list(self.ratios)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Validation:
        """Read what ``to_dict`` wrote."""
        beside = {str(k): float(v) for k, v in data["beside"].items()}
        ratios = tuple(float(r) for r in data["ratios"])
        return cls(float(data["tau"]), float(data["deviation"]), int(data["folds"]), beside, ratios)


def validate(
    blocks: Sequence[Array],
    y: Array,
    priors: Sequence[LogNormal],
    beside: Mapping[str, Array],
) -> Validation:
    """Cross-validate a grouped ridge; its variances are fitted anew in every fold.

    Args:
        blocks: features of each group, (n, p_g).
        y: standardised labels (n,).
        priors: of the variances.
        beside: other scores (n,) by name.
    """
    rng = np.random.default_rng(0)
    fold = rng.permutation(len(y)) % FOLDS
    predicted, deviation = np.empty(len(y)), np.empty(len(y))
    for k in range(FOLDS):
        seen, held = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        few = rng.permutation(seen)[:FOLD_EVIDENCE_ROWS]
        own, _ = fit_variances([x[few] for x in blocks], y[few], priors)
        ridge = GroupedRidge([x[seen] for x in blocks], y[seen], own)
        apart = [x[held] for x in blocks]
        predicted[held] = ridge.predict(apart)
        deviation[held] = np.sqrt(ridge.variance(apart))
    rows = [rng.integers(0, len(y), len(y)) for _ in range(RESAMPLES)]
    taus = [kendall_tau(predicted[r], y[r]) for r in rows]
    others = {name: kendall_tau(score, y) for name, score in beside.items()}
    ratios = tuple((np.abs(predicted - y) / deviation).tolist())
    return Validation(kendall_tau(predicted, y), float(np.std(taus)), FOLDS, others, ratios)


def kendall_tau(a: Array, b: Array) -> float:
    """Kendall's tau-b; 0 where one of the two does not vary."""
    from scipy.stats import kendalltau

    tau = float(kendalltau(a, b)[0])
    return tau if np.isfinite(tau) else 0.0


def _short(value: float) -> str:
    """``.81``, ``-.34``, ``1.00``."""
    text = f"{value:.2f}"
    return text.replace("0.", ".", 1) if abs(value) < 0.995 else text
