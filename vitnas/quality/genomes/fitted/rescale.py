"""A monotone change of scale for labels, so that what a linear model explains is even over their range.

Accuracies of a space that reaches from tiny to large networks bend: the smallest fall off steeply. The
exponential transformation of Manly (Exponential data transformations, The Statistician 25, 1976),

    u = (exp(power * z) - 1) / power,     z the standardised label,

straightens that with one number; power 0 leaves labels as they are. Order is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
POWERS = (0.3, 0.6, 1.0)  # positive for a tail of poor networks, negative for one of good ones
EDGE = 1e-3  # the inverse goes on as a straight line where a prediction leaves the range of u


@dataclass(frozen=True)
class LabelWarp:
    """Between labels and what a model is fitted on, which has mean 0 and deviation 1 over the labels.

    Attributes:
        centre, scale: mean and deviation of the labels.
        power: see above.
        mean, deviation: of u over the labels.
    """

    centre: float
    scale: float
    power: float
    mean: float
    deviation: float

    @classmethod
    def of(cls, labels: Array, power: float = 0.0) -> LabelWarp:
        """The warp of labels (n,) that are not all equal."""
        centre, scale = float(labels.mean()), float(labels.std())
        bent = _bend((labels - centre) / scale, power)
        return cls(centre, scale, power, float(bent.mean()), float(bent.std()))

    def forward(self, labels: Array) -> Array:
        """Standardised, bent labels."""
        return (_bend((labels - self.centre) / self.scale, self.power) - self.mean) / self.deviation

    def backward(self, y: Array) -> Array:
        """Labels of bent ones; strictly increasing everywhere."""
        if not self.power:
            return self.centre + self.scale * (self.mean + self.deviation * y)
        inner = 1.0 + self.power * (self.mean + self.deviation * y)
        beyond = np.minimum(inner - EDGE, 0.0) / EDGE
        z = (np.log(np.maximum(inner, EDGE)) + beyond) / self.power
        return np.asarray(self.centre + self.scale * z)

    def log_slope(self, labels: Array) -> float:
        """Sum of the logarithms of d forward / d label, up to a constant: makes likelihoods comparable."""
        z = (labels - self.centre) / self.scale
        return float(self.power * z.sum() - len(labels) * np.log(self.deviation))

    def to_dict(self) -> dict[str, float]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, float]) -> LabelWarp:
        """Read what ``to_dict`` wrote."""
        return cls(**{name: float(value) for name, value in data.items()})


def candidate_powers(labels: Array) -> tuple[float, ...]:
    """Powers worth trying: those that draw in the longer tail."""
    z = labels - labels.mean()
    sign = -1.0 if float((z**3).sum()) > 0 else 1.0
    return tuple(sign * power for power in POWERS)


def _bend(z: Array, power: float) -> Array:
    return np.asarray(np.expm1(power * z) / power) if power else z
