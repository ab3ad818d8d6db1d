"""What every quality must hold."""

from __future__ import annotations

import json
import math
import pickle
from functools import cached_property
from typing import get_args
from unittest import SkipTest

import numpy as np

from vitnas.cost.table import CostTable
from vitnas.quality.base import FitContext, Needs, Quality
from vitnas.quality.data.dataset import Dataset
from vitnas.quality.labels import Labels
from vitnas.quality.parse import parse_quality, quality_class, restored, saved
from vitnas.space.activity import Genomes
from vitnas.space.files import load_space
from vitnas.testing._contract import Contract


class QualityContract(Contract):
    """A quality rates genomes or networks, in the same way every time, and after a run was resumed.

    Attributes:
        quality: name or file.
        space: whose networks are rated.
        labels: of some of its networks, for a quality that needs them.
        data: labelled images, for a quality that needs them.
        pool_size: feasible genomes that it is fitted on.
    """

    quality: str
    space: str = "tiny32"
    labels: Labels | None = None
    data: Dataset | None = None
    pool_size: int = 256

    @cached_property
    def context(self) -> FitContext:
        """What it is fitted on."""
        space = load_space(self.space)
        pool = space.sample(self.pool_size, np.random.default_rng(0))
        table = CostTable.cached(space)
        return FitContext(space, table, pool, self.quality, self.labels, self.data)

    def fit(self, rates: str) -> Quality:
        """The quality of a run; a test of others is skipped."""
        cls = quality_class(self.quality)
        if cls.rates != rates:
            raise SkipTest(f"it rates {cls.rates}")
        missing = [need for need in cls.needs if getattr(self, need) is None]
        if missing:
            raise SkipTest(f"it needs {missing[0]}: set '{missing[0]}' in a contract of your own")
        (fitted,) = parse_quality(self.quality).fit_parts(self.context)
        return fitted

    def scores(self, quality: Quality, genomes: Genomes) -> list[float]:
        """Scores of genomes, as a search must get them."""
        scores = quality.score(genomes)
        problem = f"for {len(genomes)} genomes it gives {getattr(scores, 'shape', type(scores).__name__)}"
        assert isinstance(scores, np.ndarray) and scores.shape == (len(genomes),), problem
        assert np.issubdtype(scores.dtype, np.floating), f"its scores are {scores.dtype}, no floats"
        assert np.isfinite(scores).all(), f"{np.isfinite(scores).mean():.0%} of its scores are finite"
        return [float(score) for score in scores]

    def test_can_be_loaded(self) -> None:
        """Its file defines a `vitnas.quality.Quality` with the method that what it ``rates`` asks for."""
        quality_class(self.quality)

    def test_says_what_it_is(self) -> None:
        """The list prints the first line of its docstring; notes stand below tables."""
        cls = quality_class(self.quality)
        assert cls.__doc__ and cls.__doc__ != Quality.__doc__, "its class has no docstring"
        assert set(cls.needs) <= set(get_args(Needs)), f"it needs {cls.needs}, which no run can give"
        assert isinstance(cls.higher_is_better, bool), "higher_is_better is neither True nor False"
        assert all(isinstance(n, str) and "\n" not in n for n in cls.notes), "its notes are not lines of text"

    def test_genomes_have_finite_scores_that_differ(self) -> None:
        """A search maximises them over whole populations, and over single genomes."""
        quality, pool = self.fit("genomes"), self.context.pool
        assert len(set(self.scores(quality, pool))) > 1, "all networks have one score"
        self.scores(quality, pool[:1])

    def test_a_score_does_not_depend_on_the_other_genomes(self) -> None:
        """A population may be split and reordered."""
        quality, pool = self.fit("genomes"), self.context.pool
        whole, turned = self.scores(quality, pool), self.scores(quality, pool[::-1])
        assert whole == turned[::-1], "in another order, genomes have other scores"
        assert whole[:3] == self.scores(quality, pool[:3]), "among fewer genomes, they have other scores"

    def test_a_resumed_run_has_the_same_scores(self) -> None:
        """``state`` is JSON, from which ``from_state`` gives the same quality to the last bit."""
        quality, pool = self.fit("genomes"), self.context.pool
        again = restored(self.context, json.loads(json.dumps(saved(quality))))
        assert self.scores(quality, pool) == self.scores(again, pool), "restored, it gives other scores"

    def test_says_something_beside_each_score(self) -> None:
        """One mapping for each genome."""
        quality, pool = self.fit("genomes"), self.context.pool[:5]
        details = quality.details(pool, [{}] * len(pool))
        assert len(details) == len(pool), f"for {len(pool)} genomes there are {len(details)} details"
        json.dumps(details)

    def test_networks_have_scores_that_repeat(self) -> None:
        """A worker, which gets the quality by its name, finds the score that any other does."""
        quality = self.fit("networks")
        elsewhere = pickle.loads(pickle.dumps(quality))
        for genome in self.context.pool[:2]:
            architecture = self.context.space.decode(genome)
            scores = [
                own.measure(architecture, seed=3, images=None, device="cpu") for own in (quality, elsewhere)
            ]
            assert all(isinstance(s, float) and math.isfinite(s) for s in scores), f"it gives {scores[0]!r}"
            assert scores[0] == scores[1], (
                f"one network has the scores {scores[0]} and {scores[1]} of one seed"
            )

    def test_what_was_not_measured_has_no_score(self) -> None:
        """The log may say nothing of a network, or that it failed."""
        cls = quality_class(self.quality)
        if cls.rates == "genomes":
            raise SkipTest("it rates genomes")
        scores = self.fit(cls.rates).read([{}, {"failure": "hung"}])
        assert np.isnan(scores).all(), f"what the log says nothing of has the scores {scores.tolist()}"
