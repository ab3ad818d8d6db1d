"""Ridge regression with one shrinkage for each group of features, all set by the data at once.

    y = c + sum over groups g of  X_g w_g + e,     w_g ~ N(0, v_g I),   e ~ N(0, s)

which is a Gaussian process whose kernel is the sum of v_g X_g X_g'. The variances v_g and s maximise the
marginal likelihood times a log-normal prior on each of them (Rasmussen and Williams, Gaussian Processes for
Machine Learning, 2006, section 5.4.1, equations 5.8 and 5.9). Everything after that is linear algebra in
closed form: leave-one-out residuals (their section 5.4.2), predictive variances, leverages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
CONSTANT_VARIANCE = 1.0  # of c; labels are standardised
EVIDENCE_ROWS = 400  # variances are set on at most so many rows
MAX_STEPS = 80
BOUNDS = (-14.0, 6.0)  # of every logarithm of a variance
JITTER = 1e-6


@dataclass(frozen=True)
class LogNormal:
    """What is thought of a variance before the data: mean and deviation of its logarithm."""

    mean: float
    deviation: float


def fit_variances(blocks: Sequence[Array], y: Array, priors: Sequence[LogNormal]) -> tuple[Array, float]:
    """Variances (groups + 1,), the noise last, that maximise the posterior density, and its logarithm.

    Args:
        blocks: features of each group, (n, p_g).
        y: standardised labels (n,).
        priors: one for each group, and one for the noise.
    """
    from scipy.optimize import minimize

    kernels = np.stack([x @ x.T for x in blocks]) if blocks else np.zeros((0, len(y), len(y)))
    means = np.array([p.mean for p in priors])
    deviations = np.array([p.deviation for p in priors])

    def loss(logarithms: Array) -> tuple[float, Array]:
        value, gradient = _negative_evidence(kernels, y, np.exp(logarithms))
        z = (logarithms - means) / deviations
        return value + 0.5 * float(z @ z), gradient + z / deviations

    found = minimize(
        loss,
        np.clip(means, *BOUNDS),
        jac=True,
        method="L-BFGS-B",
        bounds=[BOUNDS] * len(priors),
        options={"maxiter": MAX_STEPS},
    )
    return np.exp(np.asarray(found.x, np.float64)), -float(found.fun)


def _negative_evidence(kernels: Array, y: Array, variances: Array) -> tuple[float, Array]:
    """Negative log marginal likelihood, and its gradient by the logarithms of the variances."""
    n = len(y)
    *groups, noise = variances
    covariance = np.tensordot(np.array(groups), kernels, 1) + CONSTANT_VARIANCE
    covariance[np.diag_indices(n)] += noise + JITTER
    factor = np.linalg.cholesky(covariance)
    half = np.linalg.solve(factor, np.eye(n))
    inverse = half.T @ half
    weights = inverse @ y
    value = 0.5 * float(y @ weights) + float(np.log(np.diag(factor)).sum())
    slope = inverse - np.outer(weights, weights)
    gradient = 0.5 * variances
    gradient[:-1] *= np.einsum("gij,ij->g", kernels, slope)
    gradient[-1] *= np.trace(slope)
    return value, gradient


class GroupedRidge:
    """The posterior for given variances.

    Args:
        blocks: features of each group, (n, p_g).
        y: standardised labels (n,).
        variances: (groups + 1,), the noise last.
    """

    def __init__(self, blocks: Sequence[Array], y: Array, variances: Array) -> None:
        self.variances = variances
        self.noise = float(variances[-1]) + JITTER
        self.sizes = [x.shape[1] for x in blocks]
        self._roots = np.sqrt(
            np.repeat(np.append(variances[:-1], CONSTANT_VARIANCE), [*self.sizes, 1])
        )  # (p + 1,), the constant last
        self.y = y
        x = self._scaled(blocks, len(y))
        precision = x.T @ x
        precision[np.diag_indices(len(precision))] += self.noise
        half = np.linalg.solve(np.linalg.cholesky(precision), np.eye(len(precision)))
        self.covariance = half.T @ half  # of the scaled weights, over the noise
        self._scaled_weights = self.covariance @ (x.T @ y)
        self.leverages = self._leverage(x)
        self._fitted = x @ self._scaled_weights

    def _scaled(self, blocks: Sequence[Array], n: int) -> Array:
        return np.asarray(np.concatenate([*blocks, np.ones((n, 1))], axis=1) * self._roots)

    def _leverage(self, x: Array) -> Array:
        return np.asarray(np.einsum("ij,ij->i", x @ self.covariance, x))

    @cached_property
    def weights(self) -> tuple[list[Array], float]:
        """Posterior mean of each group's weights (p_g,), and of the constant."""
        weights = self._scaled_weights * self._roots
        return np.split(weights[:-1], np.cumsum(self.sizes)[:-1]), float(weights[-1])

    @cached_property
    def left_out(self) -> Array:
        """Prediction (n,) of each label from all others, with the same variances."""
        return self.y - (self.y - self._fitted) / np.maximum(1.0 - self.leverages, 1e-9)

    @cached_property
    def left_out_variance(self) -> Array:
        """Predictive variance (n,) of each label from all others, noise included."""
        return self.noise / np.maximum(1.0 - self.leverages, 1e-9)

    def predict(self, blocks: Sequence[Array]) -> Array:
        """Predicted labels (m,) of other rows."""
        return np.asarray(self._scaled(blocks, len(blocks[0]) if blocks else 1) @ self._scaled_weights)

    def leverage(self, blocks: Sequence[Array]) -> Array:
        """Uncertainty (m,) of other rows' mean over the noise: 0 is known exactly."""
        return self._leverage(self._scaled(blocks, len(blocks[0]) if blocks else 1))

    def variance(self, blocks: Sequence[Array]) -> Array:
        """Predictive variance (m,) of other rows' labels, noise included."""
        return self.noise * (1.0 + self.leverage(blocks))

    def pick(self, blocks: Sequence[Array], count: int, allowed: Sequence[NDArray[np.bool_]]) -> list[int]:
        """Rows that are the least certain, one after the other (greedy D-optimal design).

        Each is the allowed row with the largest leverage given the labels that are there and the picks
        before it; what a label is has no influence on that, only where it is taken.

        Args:
            blocks: features of the candidates, (m, p_g).
            count: how many; fewer if fewer are allowed.
            allowed: masks (m,), taken in turn by successive picks; one without rows left is passed over.
        """
        x = self._scaled(blocks, len(blocks[0]))
        projected = x @ self.covariance
        leverage = np.einsum("ij,ij->i", projected, x)
        free = np.ones(len(x), np.bool_)
        picked: list[int] = []
        while len(picked) < count:
            masks = [mask & free for mask in (*allowed[len(picked) % len(allowed) :], *allowed)]
            mask = next((m for m in masks if m.any()), None)
            if mask is None:
                break
            row = int(np.argmax(np.where(mask, leverage, -np.inf)))
            picked.append(row)
            free[row] = False
            shared = projected @ x[row]  # (m,)
            projected -= np.outer(shared, projected[row]) / (1.0 + leverage[row])
            leverage = leverage - shared**2 / (1.0 + leverage[row])
        return picked
