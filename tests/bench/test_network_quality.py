"""A user's quality that rates networks, measured by the workers' one task."""

from __future__ import annotations

import numpy as np
import pytest

from vitnas.bench.networks import NetworkBench
from vitnas.bench.task import ALL
from vitnas.cost.table import CostTable
from vitnas.quality.base import FitContext
from vitnas.quality.parse import parse_quality
from vitnas.quality.proxy import ProxyQuality
from vitnas.space.files import load_space
from vitnas.store.log import EvaluationLog
from vitnas.workers import Serial, make_workers

QUALITY = '''
from vitnas.quality.base import Quality


class Layers(Quality):
    """Blocks, and what was fitted; more with every seed."""

    rates = "networks"
    repeats = 3

    def __init__(self, offset=0.0):
        self.offset = offset

    @classmethod
    def fit(cls, context):
        return cls(float(len(context.pool)))

    def measure(self, architecture, *, seed, images, device):
        blocks = sum(len(stage.blocks()) for stage in architecture.stages)
        if blocks == 2:
            raise ValueError("two\\nblocks")
        return float("nan") if blocks == 3 else self.offset + blocks + seed
'''


@pytest.fixture
def table(folder):
    (folder / "qualities").mkdir()
    (folder / "qualities" / "layers.py").write_text(QUALITY)
    return CostTable.build(load_space("tiny"))


@pytest.fixture
def layers(table):
    pool = table.space.sample(5, np.random.default_rng(0))
    return parse_quality("layers").fit_parts(FitContext(table.space, table, pool))[0]


def depth(table, genome):
    return sum(len(stage.blocks()) for stage in table.space.decode(genome).stages)


@pytest.mark.parametrize("workers", [1, 2])
def test_its_scores_failures_and_state_are_those_of_the_driver(table, layers, folder, workers):
    genomes = table.space.sample(40, np.random.default_rng(1))
    with make_workers(workers) as pool:
        log = EvaluationLog(folder / f"{workers}.jsonl")
        lines = NetworkBench(table, pool, log, seed=10).by([layers]).measure(genomes)
    depths = [depth(table, genome) for genome in genomes]
    assert {2, 3} < set(depths)
    for blocks, line in zip(depths, lines, strict=True):
        assert line["task"].endswith(":layers:10")
        if blocks == 2:
            assert line["failures"]["layers"].startswith("ValueError: two blocks (")
        elif blocks == 3:
            assert line["failures"] == {"layers": "the score is nan"}
        else:
            assert line["scores"] == {"layers": 5 + blocks + 11}, "the mean over seeds 10, 11 and 12"


def test_it_is_measured_beside_proxies(table, layers, folder):
    genome = table.space.sample(1, np.random.default_rng(3))
    assert depth(table, genome[0]) > 3
    submitted = []

    class Workers(Serial):
        def submit(self, function, item):
            submitted.append((function, item))
            return super().submit(function, item)

    bench = NetworkBench(table, Workers(), EvaluationLog(folder / "log.jsonl"), seed=0)
    (line,) = bench.by([ProxyQuality("naswot"), layers]).measure(genome)
    assert [item[1] for _, item in submitted] == [0, 1, 2], "each repeat is a task"
    assert list(line["scores"]) == ["naswot", "layers"] and line["failures"] == {}
    task = submitted[0][0]
    assert task((genome.tobytes(), ALL))["scores"] == line["scores"]
