"""What every strategy must hold."""

from __future__ import annotations

import numpy as np
import pytest

from vitnas import plugins
from vitnas.cost.table import CostTable
from vitnas.searching.budget import parse_budget
from vitnas.searching.loop import Loop
from vitnas.searching.problem import Batch, SearchProblem
from vitnas.searching.scorer import GenomeScorer
from vitnas.space.files import load_space

STRATEGIES = sorted(plugins.list_plugins("strategy"))


@pytest.fixture(scope="module")
def problem():
    table = CostTable.cached(load_space("efficientformer_v1"))
    return SearchProblem(table, [parse_budget("max-params", "30M")], ("quality", "macs", "params"))


@pytest.fixture(params=STRATEGIES)
def name(request):
    return request.param


def make(name, problem, seed=0):
    return plugins.load_plugin("strategy", name)(problem, seed)


def loop(name, problem, seed=0):
    def rate(genomes):
        return np.log(problem.table.price(genomes)["params"]) + genomes[:, 0]

    return Loop(problem, make(name, problem, seed), GenomeScorer(rate, 10), seed)


def few(name, trials):
    """A Gaussian process takes most of a second for a proposal."""
    return trials // 3 if name == "optuna-gp" else trials


def test_has_a_line_of_help(name):
    assert plugins.list_plugins("strategy")[name]


def test_scores_what_was_wanted_and_nothing_twice(name, problem):
    run = loop(name, problem)
    run.run(few(name, 40))
    assert run.progress.trials == few(name, 40) == len(run.seen)
    costs = problem.table.price(run.archive.genomes)
    assert (problem.violation(costs, len(costs)) == 0).all()
    assert (run.archive.genomes == problem.space.canonical(run.archive.genomes)).all()


def test_the_seed_decides_everything(name, problem):
    fronts = []
    for seed in (1, 1, 2):
        run = loop(name, problem, seed)
        run.run(few(name, 40))
        fronts.append(run.archive)
    assert (fronts[0].keys.tolist(), fronts[0].objectives.tolist()) == (
        fronts[1].keys.tolist(),
        fronts[1].objectives.tolist(),
    )
    assert set(fronts[0].keys.tolist()) != set(fronts[2].keys.tolist())


def test_lives_with_failures_and_infeasible_rows(name, problem):
    strategy = make(name, problem)
    rng = np.random.default_rng(0)
    for _ in range(6):
        genomes = strategy.ask(8)
        assert genomes.shape[1] == len(problem.space.genes) and genomes.dtype == np.uint8
        assert 0 < len(genomes) <= 8
        assert (genomes == problem.space.canonical(genomes)).all()
        objectives = rng.random((len(genomes), 3))
        violation = np.where(rng.random(len(genomes)) < 0.3, 0.5, 0.0)
        objectives[(violation > 0) | (rng.random(len(genomes)) < 0.3)] = np.nan
        strategy.tell(Batch(genomes, objectives, violation))


def test_a_kept_state_goes_on_exactly(name, problem):
    first = loop(name, problem)
    first.run(few(name, 30))
    state = first.state()
    assert (state is None) == name.startswith("optuna-"), "only Optuna's samplers have to be replayed"
    if state is None:
        return
    again = loop(name, problem)
    again.restore({key: np.array(value) for key, value in state.items()})
    first.run(60)
    again.run(60)
    assert first.archive.keys.tolist() == again.archive.keys.tolist()
    assert vars(first.progress) == vars(again.progress)
