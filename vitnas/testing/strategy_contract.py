"""What every strategy must hold."""

from __future__ import annotations

import functools
from unittest import SkipTest

import numpy as np
from numpy.typing import NDArray

from vitnas.cost.table import CostTable
from vitnas.searching.budget import parse_budget
from vitnas.searching.loop import Loop
from vitnas.searching.problem import Batch, SearchProblem
from vitnas.searching.scorer import GenomeScorer
from vitnas.searching.strategy import Strategy, load_strategy
from vitnas.space.activity import Genomes
from vitnas.space.files import load_space
from vitnas.testing._contract import Contract


class StrategyContract(Contract):
    """A strategy proposes genomes of the space, learns from what it is told, and follows from its seed alone.

    Attributes:
        strategy: name or file.
        space: that is searched.
        max_params: budget, which much of the space exceeds.
        trials: candidates of a search.
    """

    strategy: str
    space: str = "tiny32"
    max_params: str = "200k"
    trials: int = 40

    @property
    def problem(self) -> SearchProblem:
        """What is searched."""
        return _problem(self.space, self.max_params)

    def make(self, seed: int = 0) -> Strategy:
        """A strategy of its own settings."""
        return load_strategy(self.strategy)(self.problem, seed)

    def loop(self, seed: int = 0) -> Loop:
        """A search whose quality grows with size and with the first gene."""

        def rate(genomes: Genomes) -> NDArray[np.float64]:
            return np.asarray(np.log(self.problem.table.price(genomes)["params"]) + genomes[:, 0])

        return Loop(self.problem, self.make(seed), GenomeScorer(rate, 10), seed)

    def checked(self, genomes: Genomes, most: int) -> Genomes:
        """Proposals as an ask must give them."""
        space = self.problem.space
        assert isinstance(genomes, np.ndarray), f"ask gave a {type(genomes).__name__}, no array"
        assert genomes.dtype == np.uint8, f"ask gave genomes of {genomes.dtype}, not uint8"
        shape = f"ask({most}) gave an array of shape {genomes.shape}, not (1 to {most}, {len(space.genes)})"
        assert genomes.ndim == 2 and genomes.shape[1] == len(space.genes) and 0 < len(genomes) <= most, shape
        assert (genomes < space.cardinalities).all(), "ask gave genes beyond their choices"
        assert (genomes == space.canonical(genomes)).all(), "ask gave genomes that are not canonical"
        return genomes

    def test_can_be_loaded(self) -> None:
        """Its file defines a `vitnas.strategies.Strategy` that can ask and be told."""
        load_strategy(self.strategy)

    def test_says_what_it_is(self) -> None:
        """The list prints its docstring's first line, and its options."""
        cls = load_strategy(self.strategy)
        assert cls.__doc__ and cls.__doc__ != Strategy.__doc__, "its class has no docstring"
        for name, option in cls.options().items():
            assert option.help, f"option '{name}' says nothing"
            assert option.read(option.default) == option.default, f"option '{name}' refuses its default"

    def test_scores_what_was_wanted_and_nothing_twice(self) -> None:
        """A search ends with as many candidates as it was to score, all within the budgets."""
        run = self.loop()
        run.run(self.trials)
        assert run.progress.trials == self.trials, f"{run.progress.trials} of {self.trials} were scored"
        assert len(run.seen) == self.trials or run.strategy.counts_repeats
        costs = self.problem.table.price(run.archive.genomes)
        assert (self.problem.violation(costs, len(costs)) == 0).all(), "the front exceeds the budgets"

    def test_the_seed_decides_everything(self) -> None:
        """Equal seeds propose alike, others differ: it draws from ``self.rng`` alone."""
        fronts = []
        for seed in (1, 1, 2):
            run = self.loop(seed)
            run.run(self.trials)
            fronts.append((run.archive.keys.tolist(), run.archive.objectives.tolist()))
        assert fronts[0] == fronts[1], "equal seeds lead to different fronts"
        assert set(fronts[0][0]) != set(fronts[2][0]), "another seed leads to the same front"

    def test_lives_with_failures_and_infeasible_rows(self) -> None:
        """Objectives are nan beyond a budget and where rating failed."""
        strategy, rng = self.make(), np.random.default_rng(0)
        for _ in range(6):
            genomes = self.checked(strategy.ask(8), 8)
            strategy.tell(self._told(genomes, rng))

    def test_can_be_asked_before_it_is_told(self) -> None:
        """What ``takes_late`` promises: several asks are open, and told in order."""
        strategy, rng = self.make(), np.random.default_rng(0)
        if not strategy.takes_late:
            raise SkipTest("it must be told before it is asked again (takes_late is False)")
        for _ in range(4):
            for genomes in [self.checked(strategy.ask(4), 4) for _ in range(3)]:
                strategy.tell(self._told(genomes, rng))

    def test_a_kept_state_goes_on_exactly(self) -> None:
        """A resumed search proposes what an uninterrupted one would."""
        first = self.loop()
        first.run(3 * self.trials // 4)
        state = first.state()
        if state is None:
            raise SkipTest("it is replayed (state() is None)")
        again = self.loop()
        again.restore({key: np.array(value) for key, value in state.items()})
        for run in (first, again):
            run.run(3 * self.trials // 2)
        assert first.archive.keys.tolist() == again.archive.keys.tolist(), (
            "restored from its state, it proposes other genomes"
        )
        assert vars(first.progress) == vars(again.progress)

    def _told(self, genomes: Genomes, rng: np.random.Generator) -> Batch:
        objectives = rng.random((len(genomes), 3))
        violation = np.where(rng.random(len(genomes)) < 0.3, 0.5, 0.0)
        objectives[(violation > 0) | (rng.random(len(genomes)) < 0.3)] = np.nan
        return Batch(genomes, objectives, violation)


@functools.cache
def _problem(space: str, max_params: str) -> SearchProblem:
    table = CostTable.cached(load_space(space))
    return SearchProblem(table, [parse_budget("max-params", max_params)], ("quality", "macs", "params"))
