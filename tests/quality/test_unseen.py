"""Which genes a quality does not see: exactly those that never change its score."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest
import yaml
from rich.console import Console

from vitnas.cost.table import CostTable
from vitnas.quality.base import FitContext
from vitnas.quality.genomes.unseen import unseen_note
from vitnas.quality.parse import parse_quality
from vitnas.report.terminal.summary import report
from vitnas.run.prepare import RatingSettings
from vitnas.run.search import run_search
from vitnas.searching.config import SearchConfig
from vitnas.space.files import load_space

# as a stranger may write it: nothing says what `ratio` and `n_heads` mean
MUTE_BLOCK = '''
from torch import nn

from vitnas.arch.features import Features


class MuteBlock(nn.Module):
    """An MLP with heads that nobody declares."""

    def __init__(self, inputs: Features, width: int, *, ratio: float = 2.0, n_heads: int = 1) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, int(width * ratio)), nn.Linear(int(width * ratio), width))

    def forward(self, x):
        return x + self.mlp(self.norm(x))
'''
MUTE = {
    "name": "mute",
    "input": {"channels": 3, "resolution_px": 32},
    "classes": 10,
    "stem": {"op": "patch_embed", "patch_px": 8},
    "stages": [
        {
            "width": {"choice": [16, 24, 32]},
            "blocks": [
                {
                    "op": "mute_block",
                    "repeat": {"range": [1, 4]},
                    "ratio": {"choice": [1, 2, 3]},
                    "n_heads": {"choice": [1, 2]},
                }
            ],
        }
    ],
    "head": {"op": "token_classifier"},
}


@pytest.fixture
def mute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A space file whose operator says nothing of its arguments."""
    (tmp_path / "ops").mkdir()
    (tmp_path / "ops" / "mute_block.py").write_text(MUTE_BLOCK)
    (tmp_path / "mute.yaml").write_text(yaml.safe_dump(MUTE, sort_keys=False))
    monkeypatch.chdir(tmp_path)
    return "mute.yaml"


def changed_alone(context: FitContext, quality, gene: int) -> bool:
    """Whether any other choice of a gene changes the score of any of many genomes."""
    space = context.space
    genomes = space.sample(400, np.random.default_rng(1))
    scores = quality.score(genomes)
    for choice in range(len(space.genes[gene].choices)):
        other = genomes.copy()
        other[:, gene] = choice
        same = space.canonical(other)
        if (quality.score(same) != scores).any():
            return True
    return False


@pytest.mark.parametrize("name", ["capacity", "capacity+depth"])
@pytest.mark.parametrize("source", ["vit_bench", "asvit", "pit", "mute"])
def test_unseen_genes_are_those_that_never_change_the_score(mute, source, name):
    space = load_space(mute if source == "mute" else source)
    pool = space.sample(500, np.random.default_rng(0))
    context = FitContext(space, CostTable.cached(space), pool)
    quality = parse_quality(name).fit(context)
    unseen = quality.unseen(context)
    for gene, named in enumerate(space.genes):
        assert (named.name in unseen) != changed_alone(context, quality, gene), named.name


def test_a_gene_that_seldom_acts_is_tried_where_it_does(mute):
    space = load_space(mute)
    pool = np.unique(space.sample(500, np.random.default_rng(0)), axis=0)
    context = FitContext(space, CostTable.cached(space), pool)
    quality = parse_quality("capacity").fit(context)
    found = quality.unseen(context)
    assert [gene.partition("[")[0] for gene in found] == [
        *["stages.0.blocks.0.ratio"] * 4,
        *["stages.0.blocks.0.n_heads"] * 4,
    ]
    shallow = pool[space.activity.active_genes(pool).sum(axis=1) < 5]
    assert "stages.0.blocks.0.ratio[3]" not in quality.unseen(dataclasses.replace(context, pool=shallow))


def test_a_count_has_no_blind_spots_worth_a_note(mute):
    space = load_space(mute)
    context = FitContext(space, CostTable.cached(space), space.sample(50, np.random.default_rng(0)))
    assert parse_quality("depth").fit(context).unseen(context) == ()


def test_genes_of_blocks_are_named_once():
    genes = ["a.ratio[0]", "a.ratio[1]", "b.heads", *(f"c{k}.x" for k in range(6))]
    note = unseen_note("capacity", genes)
    assert note == (
        "capacity does not see genes a.ratio, b.heads, c0.x, c1.x, c2.x, c3.x and 2 more: it rates their "
        "choices alike"
    )


def test_the_run_and_its_report_say_so(mute):
    config = SearchConfig(mute, trials=300, front=1, random_arm=False)
    result = run_search(config, name="run", rating=RatingSettings(2, ("synflow",)))
    note = (
        "capacity does not see genes stages.0.blocks.0.ratio, stages.0.blocks.0.n_heads: it rates their "
        "choices alike"
    )
    assert note in result.notes
    out = io.StringIO()
    Console(file=out, width=400).print(report(result))
    assert f"quality: capacity, from shapes alone. A score is not an accuracy. {note}." in out.getvalue()
