"""The quality of a run: fitted or measured once, saved, and the same ever after."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitnas import plugins
from vitnas.bench.networks import NetworkBench
from vitnas.errors import InvalidInput, NothingFeasible, unknown
from vitnas.events import Listener
from vitnas.quality.base import GenomeQuality
from vitnas.quality.combined import COMBINATIONS, CombinedQuality, split_quality
from vitnas.quality.genomes.counts import (
    GENOME_QUALITIES,
    genome_quality,
    is_genome_quality,
    restore_genome_quality,
)
from vitnas.quality.reference import ReferenceSample
from vitnas.quality.trained import TRAIN
from vitnas.run.in_flight import check_in_flight, network_scorer
from vitnas.run.network_quality import Details, NetworkQuality, genome_details
from vitnas.run.prepare import Setup
from vitnas.run.train_scores import ROUND, TrainScorer, accuracies, accuracy_box
from vitnas.run.trainings import TrainBench
from vitnas.searching.box import Box
from vitnas.searching.config import SearchConfig
from vitnas.searching.rungs import OPTION
from vitnas.searching.scorer import GenomeScorer, Scorer
from vitnas.searching.strategy import load_strategy
from vitnas.space.activity import Genomes
from vitnas.store.evaluation import Evaluation
from vitnas.store.folder import RunFolder
from vitnas.store.log import EvaluationLog
from vitnas.workers.base import Workers
from vitnas.workers.settings import WorkerSettings

SAMPLE = 32  # networks that a proxy's scores are standardised against
GENOME_BATCH = 16384
SHOWN_PROXIES = ("token_entropy", "naswot")
PROXY_NOTE = (
    "at random initialisation nearly every proxy counts the network's shape: look at params and depth"
)
KEPT = "quality.json"  # what the scores of a run's quality rest on


@dataclass(frozen=True)
class Rating:
    """How candidates are scored in this run.

    Attributes:
        rate: quality (n,) of genomes, for the front and the published networks.
        details: what the members of the quality say of each genome; nothing where it has none.
        box: what hypervolumes are measured in.
        notes: what a reader of the scores should know.
        training: trains candidates, if that is the quality; to be closed at the end.
    """

    scorer: Scorer
    bench: NetworkBench
    rate: Callable[[Genomes], NDArray[np.float64]]
    details: Callable[[Genomes], list[Details]]
    box: Box
    notes: tuple[str, ...] = ()
    training: TrainBench | None = None


def check_qualities(config: SearchConfig) -> None:
    """`check_quality` for the search and its rungs; ``combine`` is for all that are combined.

    Raises:
        InvalidInput: one is not known, or its members cannot be combined.
    """
    check_in_flight(config)
    several = any("+" in rung.quality for rung in config.rungs)
    check_quality(config.quality, config.combine if "+" in config.quality or not several else None)
    for rung in config.rungs:
        check_quality(rung.quality, config.combine if "+" in rung.quality else None, where=f"{OPTION} {rung}")


def check_quality(name: str, combine: str | None = None, *, where: str = "") -> None:
    """Whether there is such a quality, or such members of it.

    Args:
        name: of one score or several.
        combine: how they are to be combined.
        where: the option to name in errors, if it is not ``--quality``.

    Raises:
        UnknownName: neither a quality of genomes nor a proxy; suggests the closest one.
        InvalidInput: members that cannot be combined.
    """
    proxies = plugins.list_plugins("proxy")
    members = split_quality(name, combine, where=where)
    if members == (TRAIN,):
        return
    if TRAIN in members:
        raise InvalidInput(
            f"{where or f'--quality {name}'}: '{TRAIN}' is combined with nothing; write it alone"
        )
    for member in members:
        known = is_genome_quality(member) or member.replace("-", "_") in proxies
        if not known and not member.endswith(".py"):
            raise unknown("quality", member, [*GENOME_QUALITIES, TRAIN, *proxies], where=where)


def make_rating(
    setup: Setup,
    folder: RunFolder,
    log: EvaluationLog,
    workers: Workers,
    listener: Listener,
    shares: int | WorkerSettings = 1,
) -> Rating:
    """The run's quality: restored from its folder, or made and saved there.

    ``workers`` build and run networks; trainings get ``shares`` of their own.
    """
    config = setup.config
    bench = NetworkBench(setup.table, workers, log, config.seed, images=setup.images, device=config.device)
    if config.quality == TRAIN:
        return _train_rating(setup, bench, TrainBench(setup, folder, log, shares, listener, workers))
    if all(map(is_genome_quality, split_quality(config.quality))):
        return _genome_rating(setup, folder, bench)
    return _network_rating(setup, folder, bench, listener)


def fitted_quality(setup: Setup) -> GenomeQuality:
    """The quality of genomes that the settings name, fitted to the pool."""
    config, space = setup.config, setup.problem.space
    names = split_quality(config.quality)
    parts = [genome_quality(n, space, setup.table, setup.pool, labels=setup.labels) for n in names]
    if len(parts) == 1:
        return parts[0]
    return CombinedQuality.fit(parts, config.combine or COMBINATIONS[0], setup.pool)


def _genome_rating(setup: Setup, folder: RunFolder, bench: NetworkBench) -> Rating:
    space, table = setup.problem.space, setup.table
    saved = folder.read_json(KEPT)
    if saved is not None:
        quality = restore_genome_quality(saved["state"], space, table)
        box = Box(tuple(saved["box"]["best"]), tuple(saved["box"]["worst"]))
    else:
        quality = fitted_quality(setup)
        box = Box.of(setup.problem.matrix(table.price(setup.pool), quality.score(setup.pool)))
        folder.write_json(KEPT, {"state": quality.state(), "box": dataclasses.asdict(box)})
    batch = load_strategy(setup.config.strategy).batch or GENOME_BATCH
    members = quality.members if isinstance(quality, CombinedQuality) else None
    said = functools.partial(genome_details, quality)
    scorer = GenomeScorer(quality.score, batch, members)
    return Rating(scorer, bench, quality.score, said, box, quality.notes)


def _train_rating(setup: Setup, bench: NetworkBench, training: TrainBench) -> Rating:
    def rate(genomes: Genomes) -> NDArray[np.float64]:
        return accuracies(training.recall(genomes))  # published networks are not trained

    scorer = TrainScorer(training, setup.config.in_flight or ROUND)
    box = accuracy_box(setup, training.data.classes)
    return Rating(scorer, bench, rate, training.details, box, training.notes, training)


def _network_rating(setup: Setup, folder: RunFolder, bench: NetworkBench, listener: Listener) -> Rating:
    quality = network_quality(setup, folder, bench, listener)
    members = setup.pool[:SAMPLE]
    box = Box.of(setup.problem.matrix(setup.table.price(members), quality.rate(members)))
    notes = (
        *([quality.combination.note(quality.names)] if len(quality.names) > 1 else []),
        PROXY_NOTE,
    )
    scorer, noted = network_scorer(setup.config, quality, listener)
    return Rating(scorer, bench, quality.rate, quality.details, box, (*notes, *noted))


def network_quality(
    setup: Setup, folder: RunFolder, bench: NetworkBench, listener: Listener, kept: str = KEPT
) -> NetworkQuality:
    """The quality of built networks that the settings name; a file of the run keeps what it rests on."""
    names = split_quality(setup.config.quality)
    genome = genome_members(setup, folder, [name for name in names if is_genome_quality(name)], kept)
    proxies = tuple(name for name in names if name not in genome)
    sample = reference_sample(setup, folder, bench, proxies, listener)
    how = setup.config.combine or COMBINATIONS[0]
    return NetworkQuality(bench, names, genome, sample, setup.pool[:SAMPLE], how)


def genome_members(
    setup: Setup, folder: RunFolder, names: Sequence[str], kept: str = KEPT
) -> dict[str, GenomeQuality]:
    """Members that rate genomes: restored from a file of the run, or fitted and saved there."""
    if not names:
        return {}
    space, table = setup.problem.space, setup.table
    saved = folder.read_json(kept)
    if saved is not None:
        return {name: restore_genome_quality(saved["members"][name], space, table) for name in names}
    fitted = {name: genome_quality(name, space, table, setup.pool, labels=setup.labels) for name in names}
    folder.write_json(kept, {"members": {name: own.state() for name, own in fitted.items()}})
    return fitted


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
