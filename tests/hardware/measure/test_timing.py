"""Order, repetition and noise of a measurement."""

from __future__ import annotations

import numpy as np
import pytest

from vitnas.hardware.measure.probe import empty_probe, network_probe
from vitnas.hardware.measure.session import Session, Visit
from vitnas.hardware.measure.timing import VISITS, Timer, best_visits, noise, time_probe
from vitnas.space.files import load_space


class Listed:
    """Times from a list."""

    def __init__(self, times: list[float]) -> None:
        self.times, self.calls = times, 0

    def times_ms(self, runs: int) -> list[float]:
        out = [self.times[(self.calls + k) % len(self.times)] for k in range(runs)]
        self.calls += runs
        return out


def test_median_and_spread_of_at_least_thirty_warm_runs():
    timed = Listed([1.0, 2.0, 3.0, 4.0, 5.0])
    median, iqr, runs = time_probe(timed, 30)
    assert (median, iqr, runs) == (3.0, 2.0, 30)
    assert timed.calls > 30  # warm-up is not counted


def test_short_blocks_run_more_often_and_long_ones_no_longer():
    assert time_probe(Listed([0.125]), 30)[2] == 200
    assert time_probe(Listed([0.001]), 30)[2] == 300
    assert time_probe(Listed([50.0]), 30)[2] == 30


def visit(probe: str, median: float, iqr: float = 0.0, reference: float = 1.0) -> Visit:
    return Visit(probe, median, iqr, 30, 1.0, reference, 0.1)


def test_the_calmest_visit_counts():
    calm, spread, slow = visit("a", 1.0, 0.01), visit("a", 2.0, 0.5), visit("a", 1.5, 0.0, reference=1.4)
    usual = [visit("b", 1.0) for _ in range(5)]
    assert best_visits([spread, slow, calm, *usual])["a"] is calm
    assert noise(slow, 1.0) == pytest.approx(0.4)
    assert noise(spread, 1.0) == pytest.approx(0.25)


def test_a_probe_that_could_not_be_run_has_no_visit():
    failed = Visit("a", 0.0, 0.0, 0, 0.0, 0.0, 0.1, "no such operator")
    assert best_visits([failed, visit("b", 1.0)]).keys() == {"b"}


@pytest.fixture
def probes(space_file):
    space = load_space(space_file)
    genomes = space.sample(6, np.random.default_rng(0))
    return [empty_probe(), *(network_probe(f"n{k}", space.decode(g)) for k, g in enumerate(genomes))]


def session_of(path, probes, fake, watcher, **settings):
    with Session(path, {}) as session:
        Timer(fake, empty_probe(), session, **settings).run(probes, watcher)
        return session


def test_the_order_is_shuffled_and_reproducible(tmp_path, fake, watched, probes):
    orders = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        watcher = watched()
        session_of(tmp_path / name, probes, fake, watcher, seed=seed)
        orders.append(watcher.seen)
    assert orders[0] == orders[1] != orders[2]
    assert orders[0] != [probe.id for probe in probes]


def test_noisy_probes_are_visited_again_but_not_for_ever(tmp_path, fake, watched, probes):
    prepare, noisy = fake.prepare, probes[2]

    def unsteady(module, example):
        timed = prepare(module, example)
        timed.spread = 0.5 if len(fake.prepared) == 3 else 0.0  # the second is the reference
        return timed

    fake.prepare = unsteady
    watcher = watched()
    session = session_of(tmp_path / "once", probes, fake, watcher)
    twice = [key for key, visits in session.by_probe().items() if len(visits) == 2]
    assert len(twice) == 1 and watcher.seen[-1] == twice[0]
    assert best_visits(session.visits)[twice[0]].iqr_ms == 0

    unlucky = fake.prepare(noisy.module(), noisy.example()).ms

    def never_calm(module, example):
        timed = prepare(module, example)
        timed.spread = 0.5 if timed.ms == unlucky else 0.0
        return timed

    fake.prepare = never_calm
    session = session_of(tmp_path / "never", probes, fake, watched())
    counts = {key: len(visits) for key, visits in session.by_probe().items()}
    assert counts == {p.id: VISITS if p is noisy else 1 for p in probes}


def test_a_machine_that_is_always_noisy_is_not_measured_three_times(tmp_path, fake, watched, probes):
    prepare = fake.prepare

    def always(module, example):
        timed = prepare(module, example)
        timed.spread = 0.5
        return timed

    fake.prepare = always
    session = session_of(tmp_path / "always", probes, fake, watched())
    assert {len(visits) for visits in session.by_probe().values()} == {1}
