"""The formula of quality ``capacity``: parameter count with diminishing returns, for any space.

    score = - sum over resources r of  w_r * ((x_r + o_r) / (x0_r + o_r)) ** -p,    p = max(K * (1/R - 1), p0)

x_r is the resource of a candidate (depth, width, mean expansion or mean attention width of one stage), x0_r
its median over a feasible pool, w_r the elasticity of the stages' cost with respect to it, R the median of
ln(95th / 5th percentile) in the pool over depths, widths and expansions, and K = 1.75. For p -> 0 the score
is the logarithm of the cost; p > 0 says that a resource above the pool's centre buys less than a scarce one.
In pools that span a factor of e or more the logarithm's own diminishing returns are all there is, p0 = 0;
in networks of maps, whose prices let a search put a resource at its bound, p0 = 0.25.

Means over a stage's blocks are power means ``(mean_k x_k^a)^(1/a)`` with a < 1: of equal sums, equal blocks
have the most, so that no search can gain by one fat block beside many thin ones.

The cost is that of parameters where the network works on tokens throughout: MACs add only the products of
attention, which hold nothing that is learned. With maps it is the mean of parameters, MACs and activations,
weighted 2:2:1: over published networks of many families the error falls about equally with all three.

The formula was found and checked on vision transformers with public accuracies, where it ranks better than
published training-free proxies. In hybrids its form was chosen so that published networks lie on or near its
front at their own costs, and so that its front does not stand at the bounds of the space (docs/quality.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitnas.arch.build import output_features
from vitnas.cost.table import CostTable
from vitnas.errors import InvalidData
from vitnas.quality.genomes.elasticity import elasticities
from vitnas.quality.genomes.resources import Resource, stage_resources
from vitnas.space.activity import Genomes
from vitnas.space.lookup import Column, Lookup
from vitnas.space.space import Space

FORMAT = 3
BEFORE = {"format": FORMAT, "power": 1.0}  # what states of format 2 lack
CURVATURE = 1.75  # K; flat between 1.5 and 2 on the sets it was chosen on
OF_TOKENS = {"params": 1.0}
OF_MAPS = {"params": 0.4, "macs": 0.4, "activations": 0.2}
LEAST_EXPONENT = 0.25  # of networks of maps
POWER = 0.5  # a
WIDTH_SPREAD_NOTE = 3.0


@dataclass(frozen=True)
class Term:
    """One resource's part of the score.

    Attributes:
        resource: its name, ``stages.I.KIND``.
        weight: elasticity of the cost.
        reference: median over the pool.
        offset: added to resource and reference; not 0 only where the resource can be 0.
        log_range: ln(95th / 5th percentile) over the pool, with the offset.
    """

    resource: str
    weight: float
    reference: float
    offset: float
    log_range: float


class CapacityFormula:
    """Parameter count with diminishing returns.

    Args:
        space: the space.
        terms: one for each resource that can vary.
        exponent: p; 0 is its limit, the weighted sum of logarithms.
        power, ramp: of means over blocks, see ``stage_resources``; both were 1 in states of format 2.
    """

    def __init__(
        self, space: Space, terms: Sequence[Term], exponent: float, *, power: float = POWER, ramp: float = 0.0
    ) -> None:
        self.space = space
        self.terms = tuple(terms)
        self.exponent = exponent
        self.power = power
        self.ramp = ramp
        known = {r.name: r for r in stage_resources(space, power=power, ramp=ramp)}
        missing = [t.resource for t in terms if t.resource not in known]
        if missing:
            raise InvalidData(
                f"the saved quality knows '{missing[0]}', which space '{space.name}' does not have"
            )
        self.resources = [known[t.resource] for t in terms]
        self.notes = _notes(self.terms)
        self._tabulated: list[Column] = [Column((), (), np.zeros((1, 1)))]
        self._powers: list[tuple[Resource, Term]] = []
        for resource, term in zip(self.resources, self.terms, strict=True):
            column = resource.tabulated()
            if column is None:
                self._powers.append((resource, term))
            else:
                values = self.part(term, column.values)
                self._tabulated.append(Column(column.genes, column.shape, values))
        self._lookup = Lookup(self._tabulated, sums=1)

    @classmethod
    def fit(
        cls,
        space: Space,
        table: CostTable,
        pool: Genomes,
        *,
        curvature: float = CURVATURE,
        power: float = POWER,
        ramp: float = 0.0,
    ) -> CapacityFormula:
        """Take references, ranges and weights from feasible candidates.

        Args:
            space: the space.
            table: prices genomes of the space.
            pool: feasible canonical genomes (m, G), drawn from all that the budgets allow and never from a
                narrow slice of it; some hundred are enough (on a plain-ViT space the Kendall tau moved by
                .03 between pools of 100, by .05 between pools of 50).
            curvature: K.
            power, ramp: see ``stage_resources``.
        """
        assert len(pool), "a pool of feasible genomes"
        varying = [r for r in stage_resources(space, power=power, ramp=ramp) if r.varies]
        amounts = np.stack([r.values(pool) for r in varying], axis=1) if varying else np.zeros((len(pool), 0))
        offsets = np.array([_offset(r, x) for r, x in zip(varying, amounts.T, strict=True)])
        if not varying:
            return cls(space, (), 0.0, power=power, ramp=ramp)
        # a cost grows with what a block has wherever it stands: the ramp would only blur its slope
        plain = {r.name: r for r in stage_resources(space, power=power)}
        own = [plain[r.name] for r in varying]
        costs, least = (OF_TOKENS, 0.0) if _starts_with_tokens(space, pool) else (OF_MAPS, LEAST_EXPONENT)
        weights = elasticities(space, table, pool, own, offsets, costs)
        low, high = np.quantile(np.log(amounts + offsets), [0.05, 0.95], axis=0)
        references = np.median(amounts, axis=0)
        rows = zip(varying, weights, references, offsets, high - low, strict=True)
        terms = [Term(r.name, *(float(value) for value in values)) for r, *values in rows]
        spreads = [t.log_range for t in terms if t.log_range > 1e-9 and not t.resource.endswith("attention")]
        exponent = max(curvature * (1 / float(np.median(spreads)) - 1), least) if spreads else 0.0
        return cls(space, terms, exponent, power=power, ramp=ramp)

    def score(self, genomes: Genomes) -> NDArray[np.float64]:
        """Quality (n,) of canonical genomes (n, G)."""
        total = self._lookup(genomes)[:, 0]
        for resource, term in self._powers:
            total += self.part(term, resource.values(genomes))
        return total

    def part(self, term: Term, amounts: NDArray[np.float64]) -> NDArray[np.float64]:
        """One term of the score for amounts of its resource, of any shape."""
        ratio = (amounts + term.offset) * (1.0 / (term.reference + term.offset))
        logarithm = np.log(ratio)
        if not self.exponent:
            return term.weight * logarithm
        return np.asarray(-term.weight * np.exp(-self.exponent * logarithm))

    def reweighted(self, terms: Sequence[Term]) -> CapacityFormula:
        """With other terms of the same resources."""
        return CapacityFormula(self.space, terms, self.exponent, power=self.power, ramp=self.ramp)

    def amounts(self, genomes: Genomes) -> dict[str, NDArray[np.float64]]:
        """Every resource's amount (n,), by name, to see what a score is made of."""
        return {r.name: r.values(genomes) for r in self.resources}

    def state(self) -> dict[str, Any]:
        """References, offsets, weights and exponent, as JSON."""
        return {
            "format": FORMAT,
            "space": self.space.hash,
            "exponent": self.exponent,
            "power": self.power,
            "ramp": self.ramp,
            "terms": [asdict(term) for term in self.terms],
        }

    @classmethod
    def from_state(cls, space: Space, state: Mapping[str, Any]) -> CapacityFormula:
        """The quality whose ``state`` it is: its scores are the same to the last bit.

        Raises:
            InvalidData: the state is not one of this quality and space.
        """
        if state.get("format") == 2:
            state = {**state, **BEFORE}
        if state.get("format") != FORMAT or state.get("space") != space.hash:
            raise InvalidData(
                f"this saved quality belongs to another space or version than '{space.name}' "
                f"({state.get('space')}, format {state.get('format')}): use the space copied into its run"
            )
        try:
            terms = [Term(**term) for term in state["terms"]]
            power, ramp = float(state["power"]), float(state["ramp"])
            return cls(space, terms, float(state["exponent"]), power=power, ramp=ramp)
        except (KeyError, TypeError) as problem:
            raise InvalidData(f"the saved quality of '{space.name}' is damaged: {problem}") from None


def _starts_with_tokens(space: Space, pool: Genomes) -> bool:
    """Whether the stem gives tokens, so that the network works on them throughout."""
    a = space.decode(pool[0])
    image = a.image
    stem = output_features(a.stem.op, image, a.stages[0].width, tuple(sorted(a.stem.args.items())))
    return bool(stem.tokens)


def _offset(resource: Resource, amounts: NDArray[np.float64]) -> float:
    """What keeps the power finite where a resource can be 0: the median of the positive amounts.

    So none of a resource counts like half of the usual amount (of attention, say, beside convolutions).
    """
    if resource.low > 0:
        return 0.0
    positive = amounts[amounts > 0]
    return float(np.median(positive)) if len(positive) else max(resource.high, 1.0)


def _notes(terms: Sequence[Term]) -> tuple[str, ...]:
    """What the evidence says against the formula in this pool."""
    spread = {
        kind: max((t.log_range for t in terms if t.resource.endswith(kind)), default=0.0)
        for kind in ("width", "depth")
    }
    if spread["width"] > WIDTH_SPREAD_NOTE * spread["depth"] > 0:
        return (
            "widths vary far more than depths here; in such spaces params or the sum of widths "
            "ranked at least as well as capacity",
        )
    return ()
