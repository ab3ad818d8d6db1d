"""How a run scores networks: its quality is made once, saved, and the same ever after."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitnas.bench.networks import GenomeBench
from vitnas.bench.trainings import TrainBench, Trainings
from vitnas.errors import InvalidInput, NothingFeasible
from vitnas.quality.base import Details, FitContext, Quality, Record
from vitnas.quality.genomes.unseen import unseen_note
from vitnas.quality.parse import QualityName, restored, saved
from vitnas.quality.reference import ReferenceSample
from vitnas.run.brief_trainings import brief_settings, shares, training_length
from vitnas.run.prepare import RunContext, Setup
from vitnas.run.wanted import qualities_of
from vitnas.searching.config import DEFAULT_EPOCHS, DEFAULT_TRAIN_BATCH, SearchConfig
from vitnas.searching.pareto import Box
from vitnas.space.activity import Genomes
from vitnas.store.folder import RunFolder

KEPT = "quality.json"  # what the scores of a run's quality rest on
SAMPLE = "reference_sample.json"
TRAININGS = "trainings"  # checkpoints and decoded images
Scores = tuple[NDArray[np.float64], list[str]]  # quality (n,), nan without one; why a network failed, or ""


@dataclass(frozen=True)
class Rating:
    """A quality at work in a run.

    Attributes:
        quality: of genomes, networks or trainings.
        bench: measures what it reads; None if it rates genomes.
        notes: what a reader of the scores should know.
    """

    quality: Quality
    bench: GenomeBench | None
    notes: tuple[str, ...] = ()

    @property
    def trains(self) -> bool:
        """Whether a score is so expensive that only candidates get one, and no published network."""
        return self.quality.rates == "trainings"

    def measure(self, genomes: Genomes, done: Callable[[int], object]) -> None:
        """Score canonical genomes (n, G); ``done`` is told how many of them are."""
        if self.bench is None:
            done(len(genomes))
        else:
            self.bench.measure(genomes, done)

    def rate(self, genomes: Genomes) -> NDArray[np.float64]:
        """Scores (n,) of canonical genomes (n, G), higher is better; nan where there is none."""
        if self.bench is None or self.trains:
            return self.recall(genomes)[0]
        return self.quality.rate(genomes, self.bench.measure(genomes))

    def recall(self, genomes: Genomes) -> Scores:
        """The scores of genomes (n, G), as far as they were measured."""
        records = self._known(genomes)
        return self.quality.rate(genomes, records), [self.quality.failure(record) for record in records]

    def details(self, genomes: Genomes) -> list[Details]:
        """What stands beside the scores, as far as they were measured."""
        return self.quality.details(genomes, self._known(genomes))

    def _known(self, genomes: Genomes) -> Sequence[Record]:
        """What the log says of each genome (n, G)."""
        return [{}] * len(genomes) if self.bench is None else self.bench.recall(genomes)

    def close(self) -> None:
        """Remove what measuring alone needed; what was measured can still be recalled."""
        if self.bench is not None:
            self.bench.close()


def check_qualities(config: SearchConfig) -> None:
    """Whether there are such qualities, for the search and its rungs, and they can be combined as asked.

    Raises:
        UnknownName: neither a quality nor a proxy; suggests the closest one.
        InvalidInput: parts that cannot be combined, or nothing to combine; nothing is scored at once.
    """
    searched, *rungs = qualities_of(config).values()
    if config.combine is not None and all(len(quality.names) == 1 for quality in (searched, *rungs)):
        raise InvalidInput(
            f"`combine` {config.combine}: '{config.quality}' is one score "
            "(write `quality` A+B, or leave it out)"
        )
    given = given_asks(config)
    if given and not searched.is_expensive:
        raise InvalidInput(f"{given[0]}: quality '{config.quality}' builds no networks; leave it out")
    if searched.rates == "trainings" and not config.ordered:
        raise InvalidInput("`unordered`: trainings are told a round at a time; leave it out")


def given_asks(config: SearchConfig) -> list[str]:
    """Settings about scoring at once that were given."""
    given = {"`in_flight`": config.in_flight is not None, "`unordered`": not config.ordered}
    return [option for option, is_given in given.items() if is_given]


def make_rating(run: RunContext, quality: QualityName, *, kept: str = KEPT) -> Rating:
    """A quality, restored from the run's folder, or made and saved there, and what it reads.

    Args:
        run: what its parts share.
        quality: of the search or of a rung.
        kept: file in the folder.
    """
    context = fit_context(run.setup)
    made: Quality
    measures: GenomeBench | None
    if quality.rates == "networks":
        made, measures = _of_networks(run, quality, kept)
    else:
        made = _kept(run.folder, kept, quality, context)
        measures = _train_bench(run) if quality.rates == "trainings" else None
    unseen = made.unseen(context)
    return Rating(made, measures, (*made.notes, *([unseen_note(made.name, unseen)] if unseen else [])))


def _train_bench(run: RunContext) -> TrainBench:
    """What trains the networks of a run, into the log of its bench, whose workers rest meanwhile."""
    setup, config = run.setup, run.setup.config
    assert setup.data is not None
    own = shares(config, run.shares)
    length = training_length(config, setup.table, setup.pool, setup.data)
    engine = Trainings(
        run.bench.log,
        setup.problem.space,
        setup.data,
        brief_settings(config, own, length),
        early_stop=config.ends_early,
        folder=run.folder.path / TRAININGS,
        shares=own,
        listener=run.listener,
        pool=run.bench.workers,
    )
    return TrainBench(setup.table, engine, config.device)


def fit_context(setup: Setup) -> FitContext:
    """What qualities of this run are fitted on."""
    config = setup.config
    defaults = {"epochs": DEFAULT_EPOCHS, "train_batch": DEFAULT_TRAIN_BATCH}
    given = {name: value for name, value in config.to_dict().items() if value is not None}
    return FitContext(
        space=setup.problem.space,
        table=setup.table,
        pool=setup.pool,
        labels=setup.labels,
        data=setup.data,
        settings=defaults | given,
    )


def _kept(folder: RunFolder, kept: str, quality: QualityName, context: FitContext) -> Quality:
    """A quality that reads no networks: as the folder has it, or fitted and saved there."""
    found = folder.read_json(kept)
    if found is not None:
        with folder.using(kept):
            return _tried(restored(context, found["state"]), context)
    made = quality.fit(context)
    if quality.rates == "genomes":
        folder.write_json(kept, {"state": saved(made)})
    return made


def _tried(quality: Quality, context: FitContext) -> Quality:
    """A quality that was restored, after two scores: with an altered state it has none."""
    if quality.rates == "genomes":
        few = context.pool[:2]
        quality.rate(few, [{}] * len(few))
    return quality


def _of_networks(run: RunContext, quality: QualityName, kept: str) -> tuple[Quality, GenomeBench]:
    """A quality of built networks: its parts, and their scores on the reference networks."""
    found = run.folder.read_json(kept)
    with run.folder.using(kept):
        members = found["members"] if found is not None else {}
        context = fit_context(run.setup)
        parts = [_tried(part, context) for part in quality.fit_parts(context, members)]
    if found is None and quality.has_states:
        run.folder.write_json(kept, {"members": quality.states(parts)})
    measured = [part for part in parts if part.is_expensive]
    networks = run.setup.reference_networks
    made = quality.join(parts, lambda: _sample_scores(parts, reference_sample(run, measured), networks))
    return made, run.bench.by(measured)


def kept_quality(setup: Setup, folder: RunFolder) -> Quality | None:
    """The quality of the search from what its folder holds; None if it has not come so far."""
    context, quality = fit_context(setup), setup.quality
    if quality.rates == "trainings":
        return quality.fit(context)
    kept: Any = folder.read_json(KEPT)
    if kept is None and quality.has_states:
        return None
    with folder.using(KEPT):
        if quality.rates == "genomes":
            return _tried(restored(context, kept["state"]), context)
        members = kept["members"] if kept is not None else {}
        parts = [_tried(part, context) for part in quality.fit_parts(context, members)]
    with folder.using(SAMPLE):
        state: Any = folder.read_json(SAMPLE)
        sample = ReferenceSample({}) if state is None else ReferenceSample.from_state(state)
        if quality.is_compared and not {p.name for p in parts if p.is_expensive} <= set(sample.proxies):
            return None
        return quality.join(parts, lambda: _sample_scores(parts, sample, setup.reference_networks))


def _sample_scores(parts: Sequence[Quality], sample: ReferenceSample, networks: Genomes) -> list[list[float]]:
    """Scores of the reference networks by each part."""
    known = sample.state()["scores"]
    return [known[part.name] if part.is_expensive else part.values(networks, ()).tolist() for part in parts]


def reference_sample(run: RunContext, qualities: Sequence[Quality]) -> ReferenceSample:
    """Scores of the reference networks, saved in the run; what standardised scores refer to."""
    found = run.folder.read_json(SAMPLE)
    with run.folder.using(SAMPLE):
        sample = ReferenceSample({}) if found is None else ReferenceSample.from_state(found)
    known: dict[str, list[float]] = dict(sample.state()["scores"])
    missing = [quality for quality in qualities if quality.name not in known]
    if not missing:
        return ReferenceSample(known)
    networks, names = run.setup.reference_networks, ", ".join(quality.name for quality in missing)
    run.listener.stage("scoring a reference sample", f"{len(networks)} random networks, {names}")
    records = run.bench.by(missing).measure(networks, lambda n: run.listener.count(n, len(networks)))
    scores = {quality.name: _scores(quality, records) for quality in missing}
    sample = ReferenceSample.fit({**known, **scores})
    run.folder.write_json(SAMPLE, sample.state())
    return sample


def _scores(quality: Quality, records: Sequence[Record]) -> list[float]:
    """One quality's scores over the sample.

    Raises:
        NothingFeasible: it could score none of them; says why.
    """
    scores = [float(v) for v in quality.read(records) if np.isfinite(v)]
    if not scores:
        reasons = min(map(quality.failure, records))
        raise NothingFeasible(f"'{quality.name}' could not score any of {len(records)} networks: {reasons}")
    return scores


def make_box(setup: Setup, folder: RunFolder, rating: Rating) -> Box:
    """What hypervolumes are measured in; the folder keeps it beside what it keeps of a quality of genomes."""
    kept: Any = folder.read_json(KEPT)
    with folder.using(KEPT):
        if kept and "box" in kept:
            return Box(*(tuple(float(value) for value in kept["box"][end]) for end in ("best", "worst")))
    span = rating.quality.span
    networks = setup.pool if span or not rating.quality.is_expensive else setup.reference_networks
    if span:
        scores = [np.full(len(networks), end) for end in rating.quality.oriented(np.array(span))]
    else:
        scores = [rating.rate(networks)]
    costs = setup.table.price(networks)
    box = Box.of(np.concatenate([setup.problem.matrix(costs, own) for own in scores]))
    if kept and "state" in kept:
        folder.write_json(KEPT, {**kept, "box": dataclasses.asdict(box)})
    return box
