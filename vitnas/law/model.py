"""The law: a Gaussian process on the logarithm of the error, ``ln(100 - top1)``.

Its kernel is a sum: one linear law in the logarithms of parameters, MACs, resolution and activations, and in
what a network was pre-trained on, shared by all; a smooth curvature in parameters and MACs; deviations of a
family, of a recipe, and of both together; a slope in parameters of each family's own; and noise. Six standard
deviations are those of the largest marginal likelihood times a broad prior.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from vitnas.law.published import (
    HERE,
    PRETRAINING,
    Published,
    is_distilled,
    pretraining_of,
    recipe_of,
    shipped_networks,
)

Array = NDArray[np.float64]
CENTRES = {"params": 3.2, "macs": 1.5, "activations": 3.0}  # of the logarithms
PRIOR = (0.08, 0.05, 0.05, 0.03, 0.03, 0.05)  # medians of the standard deviations
PRIOR_SD = 1.5  # of their logarithms
LINEAR_VARIANCE = (25.0, *[1.0] * 8)
CURVATURE_LENGTH = 1.5
STEPS = 250
CHUNK = 4096  # candidates whose covariances stay in the cache
MISFIT = (
    0.012  # of ln error, beside the noise: with it 90 % intervals hold 87 % where an architecture is left out
)
FILE = "law.json"  # the spreads of the shipped law
TO_90 = 1.645  # standard deviations to either end of a 90 % interval


@dataclass(frozen=True)
class Spreads:
    """Standard deviations in ln error: what is shared by a family, by family and recipe, and by a recipe;
    noise; a family's own slope; the smooth curvature."""

    family: float
    both: float
    recipe: float
    noise: float
    slope: float
    curvature: float


@dataclass(frozen=True)
class Expected:
    """What top-1 (per cent) is expected of n networks, each (n,); the interval holds 90 %."""

    top1: Array
    low: Array
    high: Array

    @property
    def half_width(self) -> Array:
        """Of the interval, in points."""
        return np.asarray((self.high - self.low) / 2)


@dataclass(frozen=True)
class Relatives:
    """Published networks that are like a space's own: family and timm's tag; empty if none are known."""

    family: str = ""
    tag: str = ""


@dataclass(frozen=True)
class Inputs:
    """What the law reads of n networks: features (n, 9), and family, recipe and both as texts (n,)."""

    x: Array
    family: NDArray[np.str_]
    recipe: NDArray[np.str_]

    @classmethod
    def of(cls, rows: Sequence[Published]) -> Inputs:
        """Of published networks."""
        x = [
            (
                1.0,
                math.log(r.params_m) - CENTRES["params"],
                math.log(r.gmacs) - CENTRES["macs"],
                math.log(r.resolution_px / 224),
                math.log(r.macts) - CENTRES["activations"],
                *(float(r.pretraining == kind) for kind in PRETRAINING),
                float(r.is_distilled),
            )
            for r in rows
        ]
        return cls(np.array(x), np.array([r.family for r in rows]), np.array([r.recipe for r in rows]))

    def kernel(self, other: Inputs, s: Spreads) -> Array:
        """Covariances (n, m) without noise."""
        return np.asarray((self.x * LINEAR_VARIANCE) @ other.x.T + self.deviations(other, s))

    def deviations(self, other: Inputs, s: Spreads) -> Array:
        """The covariances beside those of the shared linear law (n, m)."""
        family = self.family[:, None] == other.family
        recipe = self.recipe[:, None] == other.recipe
        size, work = self.x[:, 1], self.x[:, 2]
        apart = (size[:, None] - other.x[:, 1]) ** 2 + (work[:, None] - other.x[:, 2]) ** 2
        return np.asarray(
            s.family**2 * family
            + s.both**2 * (family & recipe)
            + s.recipe**2 * recipe
            + s.slope**2 * family * np.outer(size, other.x[:, 1])
            + s.curvature**2 * np.exp(-apart / (2 * CURVATURE_LENGTH**2))
        )

    def taken(self, rows: slice) -> Inputs:
        """Of some of the networks."""
        return Inputs(self.x[rows], self.family[rows], self.recipe[rows])

    def variances(self, s: Spreads) -> Array:
        """The diagonal of the kernel with itself (n,), without noise."""
        shared = s.family**2 + s.both**2 + s.recipe**2 + s.curvature**2
        return np.asarray(shared + s.slope**2 * self.x[:, 1] ** 2 + (self.x**2) @ np.array(LINEAR_VARIANCE))

    @classmethod
    def of_candidates(
        cls, params: Array, macs: Array, activations: Array, resolution_px: float, relatives: Relatives
    ) -> Inputs:
        """Of candidates (n,) of one space, by their counts."""
        x = np.zeros((len(params), len(LINEAR_VARIANCE)))
        x[:, 0] = 1
        x[:, 1] = np.log(params / 1e6) - CENTRES["params"]
        x[:, 2] = np.log(macs / 1e9) - CENTRES["macs"]
        x[:, 3] = math.log(resolution_px / 224)
        x[:, 4] = np.log(activations / 1e6) - CENTRES["activations"]
        if relatives.tag:
            kinds = [pretraining_of(relatives.tag) == kind for kind in PRETRAINING]
            x[:, 5:] = [*kinds, is_distilled(f".{relatives.tag}")]
        recipe = recipe_of(f".{relatives.tag}")
        return cls(x, np.full(len(x), relatives.family), np.full(len(x), recipe))


class Law:
    """What is expected of a network, given published ones.

    Args:
        inputs: of the published networks.
        errors: ``ln(100 - top1)`` of them (n,).
        spreads: of the kernel.
    """

    def __init__(self, inputs: Inputs, errors: Array, spreads: Spreads) -> None:
        self.inputs, self.errors, self.spreads = inputs, errors, spreads
        covariance = inputs.kernel(inputs, spreads) + spreads.noise**2 * np.eye(len(errors))
        self._inverse = np.linalg.inv(covariance)
        self._weights = self._inverse @ errors

    @classmethod
    def fit(cls, rows: Sequence[Published], spreads: Spreads | None = None) -> Law:
        """The law of published networks.

        Args:
            rows: the networks.
            spreads: of the kernel; None finds those of the largest posterior, in some seconds.
        """
        inputs, errors = Inputs.of(rows), errors_of(rows)
        return cls(inputs, errors, spreads or fit_spreads(inputs, errors))

    def mean(self, inputs: Inputs) -> Array:
        """Top-1 (n,) of networks, without its interval; that of each is the same in any company."""
        linear = np.array(LINEAR_VARIANCE) * (self.inputs.x.T @ self._weights)
        means = (inputs.x * linear).sum(axis=1)
        for k in range(0, len(means), CHUNK):
            part = slice(k, k + CHUNK)
            deviations = inputs.taken(part).deviations(self.inputs, self.spreads)
            means[part] += (deviations * self._weights).sum(axis=1)
        return np.asarray(100 - np.exp(means))

    def expect(self, inputs: Inputs, *, scatter: float = 0.0) -> Expected:
        """Top-1 of networks.

        Args:
            inputs: of them.
            scatter: points of top-1 by which shapes off a published series differ from those on it (a
                standard deviation); widens the interval.
        """
        across = inputs.kernel(self.inputs, self.spreads)
        mean = across @ self._weights
        variance = inputs.variances(self.spreads) - np.einsum("ij,jk,ik->i", across, self._inverse, across)
        sd2 = np.maximum(variance, 0) + self.spreads.noise**2 + (scatter / np.exp(mean)) ** 2
        return _top1(mean, np.sqrt(sd2))

    def leave_out(self, groups: Sequence[str]) -> Expected:
        """What is expected of each published network without those of its group, in the order given."""
        names = np.array(groups)
        mean, sd = np.empty(len(names)), np.empty(len(names))
        for name in np.unique(names):
            own = np.flatnonzero(names == name)
            # of a Gaussian, conditional on all the others: by blocks of the inverse covariance
            block = np.linalg.inv(self._inverse[np.ix_(own, own)])
            mean[own] = self.errors[own] - block @ self._weights[own]
            sd[own] = np.sqrt(np.diag(block))
        return _top1(mean, sd)

    def slopes(self) -> dict[str, float]:
        """Posterior means of the shared linear law: ln error for one unit of each feature."""
        linear = (np.array(LINEAR_VARIANCE)[:, None] * self.inputs.x.T) @ self._weights
        names = ("", "params", "macs", "resolution", "activations", *PRETRAINING, "distilled")
        return {name: float(value) for name, value in zip(names, linear, strict=True) if name}

    def state(self) -> Mapping[str, float]:
        """The spreads, as JSON."""
        return asdict(self.spreads)


@functools.cache
def shipped_law() -> Law:
    """The law of the published networks that come with vitnas."""
    return Law.fit(shipped_networks(), Spreads(**json.loads((HERE / FILE).read_text(encoding="utf-8"))))


def errors_of(rows: Sequence[Published]) -> Array:
    """``ln(100 - top1)`` (n,)."""
    return np.asarray(np.log(100 - np.array([r.top1 for r in rows])))


def fit_spreads(inputs: Inputs, errors: Array) -> Spreads:
    """The standard deviations of the largest marginal likelihood times the prior."""
    from scipy.optimize import minimize

    start = np.log(PRIOR)

    def loss(logs: Array) -> float:
        s = Spreads(*np.exp(logs).tolist())
        covariance = inputs.kernel(inputs, s) + s.noise**2 * np.eye(len(errors))
        try:
            root = np.linalg.cholesky(covariance)
        except np.linalg.LinAlgError:
            return math.inf
        z = np.linalg.solve(root, errors)
        prior = ((logs - start) ** 2).sum() / (2 * PRIOR_SD**2)
        return float(z @ z / 2 + np.log(np.diag(root)).sum() + prior)

    best = minimize(loss, start, method="Nelder-Mead", options={"maxiter": STEPS})
    return Spreads(*np.exp(best.x).tolist())


def _top1(mean: Array, sd: Array) -> Expected:
    sd = np.hypot(sd, MISFIT)
    return Expected(100 - np.exp(mean), 100 - np.exp(mean + TO_90 * sd), 100 - np.exp(mean - TO_90 * sd))
