"""A quality of built networks: one proxy, or several proxies and qualities of genomes combined."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitnas.bench.bench import Measuring
from vitnas.bench.networks import NetworkBench
from vitnas.cost.table import Costs
from vitnas.quality.base import GenomeQuality
from vitnas.quality.combined import Combination, CombinedQuality
from vitnas.quality.genomes.fitted.fitted import Fitted
from vitnas.quality.measure import load_proxy
from vitnas.quality.reference import ReferenceSample
from vitnas.space.activity import Genomes
from vitnas.store.evaluation import Evaluation

Details = dict[str, dict[str, Any]]  # member -> value and standard score, or failure


class NetworkQuality:
    """Rates networks by what their members say, all proxies among them in one evaluation.

    Args:
        bench: measures.
        names: of the members.
        genome: those that rate genomes, by name; the others are proxies.
        sample: scores of each proxy on the pool's first networks.
        members: these networks (m, G).
        how: the members are combined, see `combine.Combination`.
    """

    def __init__(
        self,
        bench: NetworkBench,
        names: Sequence[str],
        genome: Mapping[str, GenomeQuality],
        sample: ReferenceSample,
        members: Genomes,
        how: str,
    ) -> None:
        self.bench = bench
        self.names = tuple(names)
        self.genome = dict(genome)
        self.proxies = tuple(name for name in names if name not in genome)
        self._signs = np.array([1.0 if name in genome else sign_of(name) for name in names])
        proxied = sample.state()["scores"]
        scores = [genome[n].score(members).tolist() if n in genome else proxied[n] for n in names]
        signed = [[sign * v for v in own] for sign, own in zip(self._signs.tolist(), scores, strict=True)]
        self.combination = Combination(how, signed)

    def rate(self, genomes: Genomes) -> NDArray[np.float64]:
        """The quality (n,) of canonical genomes (n, G); nan where a member failed."""
        return self.combination(self.members(genomes))

    def members(self, genomes: Genomes) -> NDArray[np.float64]:
        """Scores (n, K) by each member, turned so that higher is better; nan where it failed."""
        return np.asarray(self._values(genomes, self._records(genomes)) * self._signs)

    def recall(self, genomes: Genomes) -> tuple[NDArray[np.float64], list[str]]:
        """Of genomes (n, G), measured or not: the quality (n,), nan without one, and why a network failed."""
        records = self.bench.recall(genomes, self.proxies)
        return self.quality(genomes, records), [failure_of(record, self.proxies) for record in records]

    def quality(self, genomes: Genomes, records: Sequence[Evaluation]) -> NDArray[np.float64]:
        """The quality (n,) of genomes (n, G) by what was measured of them; nan where a member failed."""
        return self.combination(self._values(genomes, records) * self._signs)

    def details(self, genomes: Genomes) -> list[Details]:
        """What each member said of each genome."""
        records = self._records(genomes)
        values = self._values(genomes, records)
        found = details(self.names, values, self.combination.standard(values * self._signs))
        for record, own in zip(records, found, strict=True):
            for name in self.proxies:
                reason = record.get("failure") or (record.get("failures") or {}).get(name)
                if reason:
                    own[name] = {"failure": reason}
        return found

    def _records(self, genomes: Genomes) -> list[Evaluation]:
        return self.bench.measure(genomes, self.proxies)

    def _values(self, genomes: Genomes, records: Sequence[Evaluation]) -> NDArray[np.float64]:
        """Scores (n, K) as the members define them."""
        columns = [
            self.genome[name].score(genomes)
            if name in self.genome
            else np.array([(r.get("scores") or {}).get(name, math.nan) for r in records], dtype=np.float64)
            for name in self.names
        ]
        return np.stack(columns, axis=1)


@dataclass(frozen=True)
class RatedNetworks:
    """A batch of networks under way, see `scorer.Rated`."""

    owner: NetworkQuality
    genomes: Genomes
    measuring: Measuring

    @property
    def is_done(self) -> bool:
        """Whether all are measured."""
        return self.measuring.is_done

    @property
    def quality(self) -> NDArray[np.float64]:
        """(n,) nan where it could not be computed (the log says why)."""
        return self.owner.quality(self.genomes, self.measuring.evaluations)

    @property
    def failures(self) -> dict[int, str]:
        """Row -> why it has none."""
        reasons = (failure_of(record, self.owner.proxies) for record in self.measuring.evaluations)
        return {row: reason for row, reason in enumerate(reasons) if reason}


class NetworkScorer:
    """Rates candidates that have to be built and run; higher is always better.

    Args:
        quality: of networks.
        batch: candidates of an ask.
        lag: asks that are open at once.
    """

    is_dear = True

    def __init__(self, quality: NetworkQuality, batch: int, lag: int = 1) -> None:
        self.network_quality = quality
        self.batch = batch
        self.lag = lag

    def start(self, genomes: Genomes, costs: Costs) -> RatedNetworks:
        """See `scorer.Scorer.start`."""
        owner = self.network_quality
        return RatedNetworks(owner, genomes, owner.bench.start(genomes, owner.proxies, costs=costs))

    def collect(self) -> None:
        """See `scorer.Scorer.collect`."""
        self.network_quality.bench.wait()

    def cancel(self) -> None:
        """See `scorer.Scorer.cancel`."""
        self.network_quality.bench.cancel()

    def members(self, genomes: Genomes) -> NDArray[np.float64] | None:
        """Scores (n, K) that are combined; None if there is one."""
        several = len(self.network_quality.names) > 1
        return self.network_quality.members(genomes) if several else None


def failure_of(record: Evaluation, proxies: Sequence[str]) -> str:
    """Why a network has no score; empty where it has one, or was not measured."""
    failures = record.get("failures") or {}
    return str(record.get("failure") or next((failures[name] for name in proxies if name in failures), ""))


def details(
    names: Sequence[str], values: NDArray[np.float64], standard: NDArray[np.float64]
) -> list[Details]:
    """For each row of values (n, K), what its members said."""
    return [
        {name: {"value": v, "standard": s} for name, v, s in zip(names, row, scaled, strict=True)}
        for row, scaled in zip(values.tolist(), standard.tolist(), strict=True)
    ]


def genome_details(quality: GenomeQuality, genomes: Genomes) -> list[Details]:
    """What the members of a quality of genomes say, and how sure a fitted one is; nothing of others."""
    if isinstance(quality, Fitted):
        return [{quality.name: said} for said in quality.details(genomes)]
    if not isinstance(quality, CombinedQuality):
        return [{} for _ in genomes]
    values = quality.members(genomes)
    return details(quality.names, values, quality.combination.standard(values))


def sign_of(proxy: str) -> float:
    """-1 for a proxy whose lower scores are better."""
    return 1.0 if load_proxy(proxy).higher_is_better else -1.0


def oriented(proxy: str, sample: ReferenceSample, record: Mapping[str, Any]) -> float:
    """The standardised score of a record, turned so that higher is better; nan if there is none."""
    value = (record.get("scores") or {}).get(proxy)
    if value is None or proxy not in sample.proxies:
        return float("nan")
    return sign_of(proxy) * sample.standardise(proxy, value)
