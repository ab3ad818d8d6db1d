"""The quality of a run: fitted or measured once, saved, and the same ever after."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitnas import plugins
from vitnas.errors import NothingFeasible, unknown
from vitnas.job.measure import Box
from vitnas.job.networks import NetworkBench, NetworkScorer, oriented
from vitnas.job.setup import Setup, is_sequential
from vitnas.quality.genome import (
    GENOME_QUALITIES,
    genome_quality,
    is_genome_quality,
    restore_genome_quality,
)
from vitnas.quality.reference import ReferenceSample
from vitnas.search.evaluation import Evaluation
from vitnas.search.events import Listener
from vitnas.search.log import EvaluationLog
from vitnas.search.run import RunFolder
from vitnas.search.scorer import GenomeScorer, Scorer
from vitnas.space.activity import Genomes
from vitnas.workers.base import Workers

SAMPLE = 32  # networks that a proxy's scores are standardised against
GENOME_BATCH = 16384
NETWORK_BATCH = 16
SEQUENTIAL_BATCH = 10  # Optuna's samplers learn from every trial
SHOWN_PROXIES = ("token_entropy", "naswot")


@dataclass(frozen=True)
class Rating:
    """How candidates are scored in this run.

    Attributes:
        rate: quality (n,) of genomes, for the front and the published networks.
        box: what hypervolumes are measured in.
        notes: what a reader of the scores should know.
    """

    scorer: Scorer
    bench: NetworkBench
    rate: Callable[[Genomes], NDArray[np.float64]]
    box: Box
    notes: tuple[str, ...] = ()


def check_quality(name: str) -> None:
    """Whether there is such a quality.

    Raises:
        UnknownName: neither a quality of genomes nor a proxy; suggests the closest one.
    """
    if is_genome_quality(name):
        return
    proxies = plugins.list_plugins("proxy")
    if name.replace("-", "_") not in proxies and not name.endswith(".py"):
        raise unknown("quality", name, [*GENOME_QUALITIES, *proxies])


def make_rating(
    setup: Setup, folder: RunFolder, log: EvaluationLog, workers: Workers, listener: Listener
) -> Rating:
    """The run's quality: restored from its folder, or made and saved there."""
    bench = NetworkBench(setup.table, workers, log, setup.config.seed)
    if is_genome_quality(setup.config.quality):
        return _genome_rating(setup, folder, bench)
    return _network_rating(setup, folder, bench, listener)


def _genome_rating(setup: Setup, folder: RunFolder, bench: NetworkBench) -> Rating:
    space, table, name = setup.problem.space, setup.table, setup.config.quality
    saved = folder.read_json("quality.json")
    if saved is not None:
        quality = restore_genome_quality(saved["state"], space, table)
        box = Box(tuple(saved["box"]["best"]), tuple(saved["box"]["worst"]))
    else:
        quality = genome_quality(name, space, table, setup.pool)
        box = Box.of(setup.problem.matrix(table.price(setup.pool), quality.score(setup.pool)))
        folder.write_json("quality.json", {"state": quality.state(), "box": dataclasses.asdict(box)})
    batch = SEQUENTIAL_BATCH if is_sequential(setup.config.strategy) else GENOME_BATCH
    return Rating(GenomeScorer(quality.score, batch), bench, quality.score, box, quality.notes)


def _network_rating(setup: Setup, folder: RunFolder, bench: NetworkBench, listener: Listener) -> Rating:
    proxy = setup.config.quality
    sample = reference_sample(setup, folder, bench, (proxy,), listener)
    scorer = NetworkScorer(bench, proxy, sample, NETWORK_BATCH)

    def rate(genomes: Genomes) -> NDArray[np.float64]:
        records = bench.measure(genomes, [proxy])
        return np.array([oriented(proxy, sample, record) for record in records], dtype=np.float64)

    members = setup.pool[:SAMPLE]
    box = Box.of(setup.problem.matrix(setup.table.price(members), rate(members)))
    notes = (
        "at random initialisation nearly every proxy counts the network's shape: look at params and depth",
    )
    return Rating(scorer, bench, rate, box, notes)


def reference_sample(
    setup: Setup, folder: RunFolder, bench: NetworkBench, proxies: tuple[str, ...], listener: Listener
) -> ReferenceSample:
    """Scores of the pool's first networks, saved in the run; what standardised scores refer to."""
    saved = folder.read_json("reference_sample.json")
    known: dict[str, list[float]] = dict(ReferenceSample.from_state(saved).state()["scores"]) if saved else {}
    missing = [proxy for proxy in proxies if proxy not in known]
    if not missing:
        return ReferenceSample(known)
    members = setup.pool[:SAMPLE]
    listener.stage("scoring a reference sample", f"{len(members)} random networks, {', '.join(missing)}")
    records = bench.measure(members, missing, done=lambda n: listener.count(n, len(members)))
    sample = ReferenceSample.fit({**known, **{proxy: _scores(proxy, records) for proxy in missing}})
    folder.write_json("reference_sample.json", sample.state())
    return sample


def _scores(proxy: str, records: Sequence[Evaluation]) -> list[float]:
    """One proxy's scores over the sample.

    Raises:
        NothingFeasible: it could score none of them; says why.
    """
    scores = [r["scores"][proxy] for r in records if proxy in r.get("scores", {})]
    if not scores:
        reasons = {str(r.get("failure") or r.get("failures", {}).get(proxy)) for r in records}
        raise NothingFeasible(f"'{proxy}' could not score any of {len(records)} networks: {min(reasons)}")
    return scores
