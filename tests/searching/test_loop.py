"""The loop with several asks open at once: who finishes first has no say, and a state goes on exactly."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from vitnas.cost.table import CostTable
from vitnas.searching.loop import Loop
from vitnas.searching.problem import SearchProblem
from vitnas.searching.rounds import kind_of_failure
from vitnas.space.files import load_space
from vitnas.strategies.evolution import Evolution
from vitnas.strategies.local import Local
from vitnas.strategies.random import Random

OBJECTIVES = ("quality", "macs", "params")


@pytest.fixture(scope="module")
def problem():
    return SearchProblem(CostTable.cached(load_space("efficientformer_v1")), [], OBJECTIVES)


@dataclasses.dataclass
class Batch:
    """Candidates under way."""

    genomes: np.ndarray
    quality: np.ndarray
    failures: dict
    is_done: bool = False


class Shuffled:
    """Finishes batches in an order of its own; every seventh first gene's candidate fails."""

    is_expensive = True

    def __init__(self, batch=5, lag=4, order=0):
        self.batch, self.lag = batch, lag
        self.rng = np.random.default_rng(order)
        self.running = []
        self.most = 0

    def start(self, genomes, costs):
        quality = np.where(genomes.sum(axis=1) % 7 == 0, np.nan, genomes[:, 0] + np.log(costs["params"]))
        failures = {int(k): "ValueError: by seven" for k in np.flatnonzero(np.isnan(quality))}
        batch = Batch(genomes, quality, failures)
        self.running.append(batch)
        self.most = max(self.most, len(self.running))
        return batch

    def collect(self):
        self.running.pop(self.rng.integers(len(self.running))).is_done = True

    def cancel(self):
        self.running.clear()

    def members(self, genomes):
        return None


def loop(problem, scorer, strategy=Evolution, **settings):
    return Loop(problem, strategy(problem, 3), scorer, 3, **settings)


def outcome(run):
    return (
        run.archive.keys.tolist(),
        run.archive.objectives.tolist(),
        vars(run.progress),
        run.seen.keys().tolist(),
    )


@pytest.mark.parametrize("strategy", [Evolution, Local, Random])
def test_who_finishes_first_has_no_say(problem, strategy):
    runs = [loop(problem, Shuffled(order=order), strategy) for order in range(3)]
    for run in runs:
        run.run(150)
    assert runs[0].progress.trials == 150
    assert outcome(runs[0]) == outcome(runs[1]) == outcome(runs[2])


class Watched(Random):
    """Notes when it is asked and told; the first gene of a genome says which ask it is from."""

    def __init__(self, problem, seed):
        super().__init__(problem, seed)
        self.events = []
        self.asked = []

    def ask(self, n):
        self.events.append(("ask", len(self.asked)))
        self.asked.append(super().ask(n))
        return self.asked[-1]

    def tell(self, batch):
        (number,) = [k for k, g in enumerate(self.asked) if np.array_equal(g, batch.genomes)]
        self.events.append(("tell", number))


def test_an_ask_follows_when_all_but_the_last_few_are_told(problem):
    run = loop(problem, Shuffled(batch=5, lag=4), Watched)
    run.run(50)
    expected = [("ask", k) for k in range(4)]
    for k in range(6):
        expected += [("tell", k), ("ask", k + 4)]
    expected += [("tell", k) for k in range(6, 10)]
    assert run.strategy.events == expected
    assert run.scorer.most == 4


def test_unordered_rounds_are_told_as_they_are_done(problem):
    run = loop(problem, Shuffled(batch=5, lag=4, order=1), Watched, ordered=False)
    run.run(50)
    told = [k for event, k in run.strategy.events if event == "tell"]
    assert sorted(told) == list(range(10)) and told != sorted(told)
    assert run.progress.trials == 50


def test_a_strategy_that_takes_no_late_results_has_one_ask_open(problem):
    class Impatient(Evolution):
        takes_late = False

    with pytest.raises(AssertionError):
        loop(problem, Shuffled(lag=2), Impatient)
    run = loop(problem, Shuffled(lag=1), Impatient)
    run.run(40)
    assert run.scorer.most == 1 and run.progress.trials == 40


@pytest.mark.parametrize("strategy", [Evolution, Local, Random])
def test_a_state_goes_on_exactly_with_its_open_asks(problem, strategy):
    states = []
    whole = loop(problem, Shuffled(), strategy)
    whole.run(120, after=lambda run: states.append(run.state()) if run.on_course else None)
    assert len(states) > 10
    for state in states[::7]:
        again = loop(problem, Shuffled(order=8), strategy)
        again.restore({name: np.array(value) for name, value in state.items()})
        assert len(again.scorer.running) == 3, "what was under way is begun again"
        again.run(120)
        assert outcome(again) == outcome(whole)


@pytest.mark.parametrize("trials", [3, 37, 40, 60])
def test_a_longer_run_can_follow_from_where_the_loop_leaves_its_course(problem, trials):
    kept = []
    short = loop(problem, Shuffled())
    short.run(trials, leaving=lambda run: kept.append(run.state()))
    assert short.progress.trials == trials and len(kept) == 1 and not short.on_course
    long, again = loop(problem, Shuffled()), loop(problem, Shuffled(order=5))
    long.run(100)
    again.restore(kept[0])
    again.run(100)
    assert outcome(again) == outcome(long)


def test_after_the_deadline_what_is_open_is_told_and_no_more_is_asked(problem):
    run = loop(problem, Shuffled())
    run.run(1000, deadline=0.0)
    assert run.progress.asked == 0
    run.run(20)
    assert run.progress.trials == 20
    run._ask(5)
    run.run(1000, deadline=0.0)
    assert run.progress.asked == 25 and not run.scorer.running


def test_failures_are_counted_by_kind_and_new_candidates_alone(problem):
    run = loop(problem, Shuffled())
    run.run(150)
    assert run.progress.failed and run.progress.failures == {"ValueError": run.progress.failed}


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("did not finish within 30 s, the time limit of a candidate", "hung"),
        ("killed by the system for want of memory", "killed for memory"),
        ("killed two workers (exit code 3)", "killed two workers"),
        ("ValueError: divisible by three", "ValueError"),
        ("the score is nan", "the score is nan"),
        ("", "without a reason"),
    ],
)
def test_kinds_of_failures(reason, kind):
    assert kind_of_failure(reason) == kind


def test_an_interruption_inside_a_tell_is_seen(problem):
    class Interrupted(Random):
        def tell(self, batch):
            raise KeyboardInterrupt

    run = loop(problem, Shuffled(), Interrupted)
    with pytest.raises(KeyboardInterrupt):
        run.run(40)
    assert not run.is_whole

    class Slow(Shuffled):
        def collect(self):
            raise KeyboardInterrupt

    run = loop(problem, Slow())
    with pytest.raises(KeyboardInterrupt):
        run.run(40)
    assert run.is_whole and run.on_course, "waiting for scores is where most interruptions fall"


class Stubborn(Random):
    """Proposes the same few over and over."""

    def ask(self, n):
        return self.problem.sample_feasible(n, np.random.default_rng(0))


@pytest.mark.parametrize("lag", [1, 4])
def test_where_all_are_known_a_stuck_strategy_misses_none(problem, lag):
    every = np.unique(problem.space.sample(90, np.random.default_rng(1)), axis=0)
    run = loop(problem, Shuffled(batch=8, lag=lag), Stubborn, every=every)
    run.run(200)
    missed = ~run.seen.contains(problem.space.keys(every))
    assert not missed.any()
    assert run.progress.exhausted, "there are no 200"
