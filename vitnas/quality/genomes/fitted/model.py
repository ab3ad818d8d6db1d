"""The model of quality ``fitted``: predicts labels, with intervals, for any genome of the space.

A grouped ridge regression, that is a Gaussian process with a linear kernel for each group of features: the
score of ``capacity`` (the prior: with few labels most of the weight), its parts one by one, products of two
resources, logarithms and levels of depths and widths, and expansion, attention width and other arguments of
every block, once as a stage's mean, once smooth over the blocks' numbers, once block by block. How much of
the labels each group may explain is set by the marginal likelihood (``grouped_ridge``), and so is whether
labels are fitted as they are or on a bent scale (``label_warp``).

The prediction is a sum of table entries, parts of ``capacity`` and a quadratic form of the resources, so that
genomes are ranked by the hundred thousand a second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitnas.cost.table import CostTable
from vitnas.errors import InvalidData
from vitnas.quality.genomes.fitted.block_features import CAPACITY, INTERACTIONS, TERMS, FittedFeatures
from vitnas.quality.genomes.fitted.rescale import LabelWarp, candidate_powers
from vitnas.quality.genomes.fitted.ridge import EVIDENCE_ROWS, GroupedRidge, LogNormal, fit_variances
from vitnas.quality.genomes.fitted.validation import Validation, validate
from vitnas.quality.genomes.formula import CapacityFormula
from vitnas.quality.labels import Labels
from vitnas.space.activity import Genomes
from vitnas.space.space import Space

FORMAT = 1
LEVEL = 0.9  # of intervals
WARP_ROWS = 200  # labels that decide about their scale
WARP_GAIN = 3.0  # of the logarithm of the evidence: 20 times as likely
NOISE_PRIOR = LogNormal(-2.25, 0.6)
# of the share of the labels' variance that a group explains; chosen on AutoFormer's three spaces
PRIORS = {
    CAPACITY: LogNormal(-0.5, 1.5),
    TERMS: LogNormal(-2.0, 2.0),
    INTERACTIONS: LogNormal(-2.0, 2.0),
    "shape": LogNormal(-1.5, 2.0),
    "levels": LogNormal(-3.5, 2.0),
    "genes": LogNormal(-3.5, 2.0),
    "expansion mean": LogNormal(-2.0, 2.0),
    "expansion smooth": LogNormal(-2.0, 2.0),
    "expansion each": LogNormal(-3.0, 2.0),
    "attention mean": LogNormal(-3.0, 2.0),
    "attention smooth": LogNormal(-3.0, 2.0),
    "attention each": LogNormal(-4.0, 2.0),
    "other mean": LogNormal(-3.0, 2.0),
    "other smooth": LogNormal(-3.0, 2.0),
    "other each": LogNormal(-4.0, 2.0),
}


class FittedModel:
    """Predicts the labels of genomes.

    Args:
        space: the space.
        features: of its genomes.
        labels: what it was fitted on.
        warp: the scale on which the labels were fitted.
        variances: of the groups and the noise, see ``grouped_ridge``.
        weights: of the base features (B,) and the constant, on the scale of ``warp``.
        validation: how well it did on labels that it had not seen; None if that was not asked for.
    """

    def __init__(
        self,
        space: Space,
        features: FittedFeatures,
        labels: Labels,
        warp: LabelWarp,
        variances: NDArray[np.float64],
        weights: tuple[NDArray[np.float64], float],
        validation: Validation | None = None,
    ) -> None:
        self.space = space
        self.features = features
        self.labels = labels
        self.warp = warp
        self.variances = variances
        self.weights = weights
        self.validation = validation
        self.notes = _notes(labels, validation)
        self._linear = features.compiled(*weights)

    @classmethod
    def fit(
        cls, space: Space, table: CostTable, pool: Genomes, labels: Labels, *, check: bool = True
    ) -> FittedModel:
        """Fit on labelled architectures.

        Args:
            space: the space.
            table: prices genomes of the space.
            pool: feasible canonical genomes (m, G), for the prior and the scales of the features.
            labels: at least ``labels.LEAST`` that differ.
            check: cross-validate, which takes about five times as long.

        Raises:
            InvalidData: too few labels, or all the same.
        """
        labels.require()
        capacity = CapacityFormula.fit(space, table, pool)
        features = FittedFeatures(space, capacity, np.concatenate([pool, labels.genomes]))
        blocks = features.blocks(labels.genomes)
        warp = _best_warp(blocks, labels.values, priors_of(features))
        y = warp.forward(labels.values)
        rows = _some_rows(len(y), EVIDENCE_ROWS)
        variances, _ = fit_variances([x[rows] for x in blocks], y[rows], priors_of(features))
        group_weights, constant = GroupedRidge(blocks, y, variances).weights
        weights = features.combined(group_weights), constant
        validation = None
        if check:
            costs = table.price(labels.genomes)
            beside = {"capacity": capacity.score(labels.genomes), "params": costs["params"]}
            validation = validate(blocks, y, priors_of(features), beside)
        return cls(space, features, labels, warp, variances, weights, validation)

    def score(self, genomes: Genomes) -> NDArray[np.float64]:
        """Predicted label (n,) of canonical genomes (n, G), in its own unit."""
        return self.warp.backward(self._linear(genomes))

    @cached_property
    def ridge(self) -> GroupedRidge:
        """The posterior, for uncertainties."""
        y = self.warp.forward(self.labels.values)
        return GroupedRidge(self.features.blocks(self.labels.genomes), y, self.variances)

    def interval(
        self, genomes: Genomes, level: float = LEVEL
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Where the labels (n,) of genomes lie with probability ``level``: lower and upper ends.

        The predictive deviation of each genome times a quantile of what cross-validated residuals were of
        theirs (conformal prediction with a locally weighted score and cross-validation: Lei et al., arXiv
        1604.04173, section 5.2; Barber et al., arXiv 1905.02928): the residuals, not the normal
        distribution, say how wide. With fewer than level / (1 - level) labels the largest one counts.
        Without validation the residuals are those of leaving one out with the variances fixed, which is too
        narrow for few labels.
        """
        ridge = self.ridge
        if self.validation is not None:
            ratios = np.sort(self.validation.ratios)
        else:
            ratios = np.sort(np.abs(ridge.y - ridge.left_out) / np.sqrt(ridge.left_out_variance))
        rank = min(int(np.ceil((len(ratios) + 1) * level)), len(ratios))
        half = ratios[rank - 1] * np.sqrt(ridge.variance(self.features.blocks(genomes)))
        middle = self._linear(genomes)
        return self.warp.backward(middle - half), self.warp.backward(middle + half)

    def out_of_range(self, genomes: Genomes) -> list[tuple[str, ...]]:
        """Why the prediction of each genome is a guess; empty where the labels cover it.

        Three things are looked at: choices of a gene that no labelled architecture has, resources outside
        the labelled range, and a leverage above the largest that a labelled one has beside the others.
        """
        from vitnas.quality.genomes.fitted.coverage import Coverage

        return Coverage(self.space, self.features, self.labels.genomes, self.ridge).reasons(genomes)

    def details(self, genomes: Genomes) -> list[dict[str, Any]]:
        """Of each genome: value, low and high end of its interval, its level, why it is a guess."""
        low, high = self.interval(genomes)
        rows = zip(self.score(genomes), low, high, self.out_of_range(genomes), strict=True)
        return [
            {"value": float(v), "low": float(a), "high": float(b), "level": LEVEL, "out_of_range": list(why)}
            for v, a, b, why in rows
        ]

    def state(self) -> dict[str, Any]:
        """Labels, scales, variances and weights, as JSON."""
        return {
            "format": FORMAT,
            "space": self.space.hash,
            "label": self.labels.name,
            "source": self.labels.source,
            "label_notes": list(self.labels.notes),
            "genomes": [genome.tobytes().hex() for genome in self.labels.genomes],
            "values": self.labels.values.tolist(),
            "warp": self.warp.to_dict(),
            "groups": self.features.names,
            "variances": self.variances.tolist(),
            "weights": self.weights[0].tolist(),
            "constant": self.weights[1],
            "capacity": {"quality": "capacity", **self.features.capacity.state()},
            "features": self.features.state(),
            "validation": self.validation.to_dict() if self.validation else None,
        }

    @classmethod
    def from_state(cls, space: Space, state: Mapping[str, Any]) -> FittedModel:
        """The quality whose ``state`` it is: its scores are the same to the last bit.

        Raises:
            InvalidData: the state is not one of this quality and space.
        """
        if state.get("format") != FORMAT or state.get("space") != space.hash:
            raise InvalidData(
                f"this saved quality belongs to another space or version than '{space.name}' "
                f"({state.get('space')}, format {state.get('format')}): use the space copied into its run"
            )
        try:
            capacity = CapacityFormula.from_state(space, state["capacity"])
            features = FittedFeatures.from_state(space, capacity, state["features"])
            genomes = np.frombuffer(bytes.fromhex("".join(state["genomes"])), np.uint8)
            labels = Labels(
                str(state["label"]),
                str(state["source"]),
                genomes.reshape(-1, len(space.genes)),
                np.array(state["values"], np.float64),
                tuple(state["label_notes"]),
            )
            warp = LabelWarp.from_dict(state["warp"])
            variances = np.array(state["variances"], np.float64)
            weights = np.array(state["weights"], np.float64), float(state["constant"])
            checked = state["validation"]
            validation = Validation.from_dict(checked) if checked else None
        except (KeyError, TypeError, ValueError) as problem:
            raise InvalidData(f"the saved quality of '{space.name}' is damaged: {problem}") from None
        return cls(space, features, labels, warp, variances, weights, validation)


def priors_of(features: FittedFeatures) -> list[LogNormal]:
    """Priors of the groups' variances, and of the noise."""
    return [*(PRIORS[name] for name in features.names), NOISE_PRIOR]


def _some_rows(n: int, most: int) -> NDArray[np.int64]:
    """A fixed random part of many labels: variances need no more."""
    return np.arange(n) if n <= most else np.random.default_rng(0).permutation(n)[:most]


def _best_warp(
    blocks: Sequence[NDArray[np.float64]], values: NDArray[np.float64], priors: Sequence[LogNormal]
) -> LabelWarp:
    """The scale on which the model explains the labels best, if it is much better than their own."""
    rows = _some_rows(len(values), WARP_ROWS)
    few = [x[rows] for x in blocks]

    def evidence(power: float) -> float:
        warp = LabelWarp.of(values, power)
        return fit_variances(few, warp.forward(values[rows]), priors)[1] + warp.log_slope(values[rows])

    plain = evidence(0.0)
    gains = {power: evidence(power) - plain for power in candidate_powers(values)}
    best = max(gains, key=lambda power: gains[power])
    return LabelWarp.of(values, best if gains[best] > WARP_GAIN else 0.0)


def _notes(labels: Labels, validation: Validation | None) -> tuple[str, ...]:
    line = f"fitted on {len(labels)} labels ({labels.name} of {labels.source})"
    return (f"{line}, {validation}" if validation else line,)
