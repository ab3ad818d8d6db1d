from __future__ import annotations

import json

import numpy as np
import pytest

from vitnas.cost.table import CostTable
from vitnas.errors import InvalidData
from vitnas.quality.base import FitContext, Quality
from vitnas.quality.genomes.elasticity import median_genome, stage_costs
from vitnas.quality.genomes.formula import POWER, CapacityFormula, Term
from vitnas.quality.genomes.resources import stage_resources
from vitnas.quality.parse import parse_quality, restored, saved
from vitnas.space.files import load_space


def made(name: str, space, table, pool) -> Quality:
    return parse_quality(name).fit(FitContext(space, table, pool))


def test_the_score_is_the_formula(v2, pool):
    space, table = v2
    quality = CapacityFormula.fit(space, table, pool)
    genomes = space.sample(300, np.random.default_rng(3))
    resources = {r.name: r for r in stage_resources(space, power=POWER)}
    expected = np.zeros(len(genomes))
    for t in quality.terms:
        in_pool, x = resources[t.resource].values(pool), resources[t.resource].values(genomes)
        low, high = np.quantile(in_pool, [0.05, 0.95])
        assert t.offset == 0, "every resource is above 0 in this space"
        assert t.reference == np.median(in_pool)
        assert t.log_range == pytest.approx(np.log(high / low), rel=0.02)  # percentiles of logarithms
        expected -= t.weight * (x / t.reference) ** -quality.exponent
    assert quality.exponent > 0
    np.testing.assert_allclose(quality.score(genomes), expected, rtol=1e-10)
    ranges = [t.log_range for t in quality.terms if not t.resource.endswith("attention")]
    assert quality.exponent == pytest.approx(max(1.75 * (1 / np.median(ranges) - 1), 0.25))
    assert len(quality.terms) == 14


def test_a_wide_pool_has_no_more_curvature_than_a_logarithm():
    """Stage widths and depths here span more than a factor of e from the 5th to the 95th percentile."""
    space = load_space("pit")
    pool = space.sample(500, np.random.default_rng(0))
    quality = CapacityFormula.fit(space, CostTable.cached(space), pool)
    assert quality.exponent == 0
    amounts = quality.amounts(pool)
    expected = sum(t.weight * np.log(amounts[t.resource] / t.reference) for t in quality.terms)
    np.testing.assert_allclose(quality.score(pool), expected, rtol=1e-10, atol=1e-12)


def test_more_of_anything_is_better(v2, pool):
    space, table = v2
    quality = CapacityFormula.fit(space, table, pool)
    width = [gene.name for gene in space.genes].index("stages.2.width")
    rows = np.repeat(space.references["s1"].genome[None], space.cardinalities[width], axis=0)
    rows[:, width] = np.arange(len(rows))
    # a scarce resource is worth more than a plentiful one: less and less for a channel more
    gains = np.diff(quality.score(rows)) / np.diff(np.array(space.genes[width].choices, float))
    assert (gains > 0).all()
    assert (np.diff(gains) < 0).all()


@pytest.mark.parametrize(("family", "order"), [("v2", ["s0", "s1", "s2", "l"]), ("v1", ["l1", "l3", "l7"])])
def test_published_networks_are_ranked_as_published(family, order, request):
    space, table = request.getfixturevalue(family)
    quality = CapacityFormula.fit(space, table, space.sample(500, np.random.default_rng(5)))
    scores = quality.score(np.array([space.references[name].genome for name in order]))
    assert (np.diff(scores) > 0).all()
    top1 = [space.references[name].facts["top1"] for name in order]
    assert (np.diff(top1) > 0).all()


def test_state_gives_the_same_scores_to_the_last_bit(v2, pool):
    space, table = v2
    genomes = space.sample(1000, np.random.default_rng(7))
    for name in ("capacity", "params", "macs", "depth"):
        quality = made(name, space, table, pool)
        kept = json.loads(json.dumps(saved(quality), allow_nan=False))
        again = restored(FitContext(space, table, pool[:0]), kept)
        assert again.name == name
        assert (again.score(genomes) == quality.score(genomes)).all()
        assert saved(again) == kept


def test_a_state_of_another_space_is_refused(v1, v2, pool):
    state = saved(made("capacity", *v2, pool))
    with pytest.raises(InvalidData, match="efficientformer_v1"):
        restored(FitContext(*v1, pool), state)
    damaged = {**state, "terms": [{"resource": "stages.0.depth"}]}
    with pytest.raises(InvalidData, match="damaged"):
        restored(FitContext(*v2, pool), damaged)
    foreign = {**state, "terms": [{**state["terms"][0], "resource": "stages.9.depth"}]}
    with pytest.raises(InvalidData, match=r"stages\.9\.depth"):
        restored(FitContext(*v2, pool), foreign)


def test_the_score_does_not_depend_on_the_company(v2, pool):
    """One genome at a time or many thousands: the same bits, so a resumed run ranks alike."""
    space, table = v2
    quality = made("capacity", space, table, pool)
    genomes = space.sample(9000, np.random.default_rng(8))
    together = quality.score(genomes)
    for row in (0, 17, 8191, 8192, 8999):
        assert quality.score(genomes[row : row + 1])[0] == together[row]
    assert (quality.score(genomes[::-1]) == together[::-1]).all()


def test_equal_blocks_beat_unequal_ones(v2, pool):
    """Where a stage's expansions have one sum, a search gains nothing by one fat block beside thin ones."""
    space, table = v2
    quality = CapacityFormula.fit(space, table, pool)
    names = [gene.name for gene in space.genes]
    first = names.index("stages.2.blocks.0.expansion[0]")
    rows = np.repeat(space.references["s1"].genome[None], 4, axis=0)
    rows[:, first : first + 2] = [[2, 2], [1, 3], [3, 1], [0, 4]]
    equal, *others, most = quality.score(rows)
    assert others[0] == pytest.approx(others[1], rel=1e-12), "nor by where they stand"
    assert equal > others[0] > most


def test_states_of_the_earlier_form_keep_their_scores(v2, pool):
    """Later blocks counted more then, and the mean was the plain one."""
    space, table = v2
    before = CapacityFormula.fit(space, table, pool, curvature=1.5, power=1.0, ramp=1.0)
    state = {key: value for key, value in before.state().items() if key != "power"} | {"format": 2}
    again = CapacityFormula.from_state(space, state)
    genomes = space.sample(100, np.random.default_rng(7))
    assert (again.score(genomes) == before.score(genomes)).all()
    assert (again.score(genomes) != CapacityFormula.fit(space, table, pool).score(genomes)).any()


def test_curvature_zero_is_the_logarithm_of_the_cost(v2, pool):
    space, table = v2
    fitted = CapacityFormula.fit(space, table, pool, power=1.0)
    quality = CapacityFormula(space, fitted.terms, 0.0, power=1.0)
    genomes = space.sample(2000, np.random.default_rng(9))
    total = stage_costs(table, ("params", "macs"))(genomes).sum(axis=1)
    geometric = np.log(total).mean(axis=1)
    assert np.corrcoef(quality.score(genomes), geometric)[0, 1] > 0.97


def test_a_resource_that_can_be_zero_stays_finite():
    space_and_table = _with_optional_attention()
    space, table = space_and_table
    genomes = space.sample(400, np.random.default_rng(0))
    quality = CapacityFormula.fit(space, table, genomes)
    attention = next(t for t in quality.terms if t.resource.endswith("attention"))
    assert attention.offset > 0
    assert np.isfinite(quality.score(genomes)).all()
    # a pool that never shows the zero must not break on it
    amounts = quality.amounts(genomes)["stages.0.attention"]
    narrow = CapacityFormula.fit(space, table, genomes[amounts > 0])
    assert np.isfinite(narrow.score(genomes)).all()


def _with_optional_attention():
    space = load_space(
        {
            "name": "optional",
            "input": {"resolution_px": 64},
            "stem": {"op": "conv_stem"},
            "stages": [
                {
                    "width": {"range": [16, 48, 16]},
                    "blocks": [
                        {"op": "conv_ffn", "repeat": {"range": [1, 4]}, "expansion": {"choice": [2, 3, 4]}},
                        {
                            "op": "attention_ffn",
                            "repeat": {"range": [0, 2]},
                            "expansion": 4,
                            "heads": 2,
                            "key_dim": 8,
                        },
                    ],
                }
            ],
            "head": {"op": "pooled_classifier"},
        }
    )
    return space, CostTable.build(space)


def test_a_space_with_one_point_has_a_quality(v2):
    one = load_space(v2[0].references["s0"].architecture.to_dict())
    table, pool = CostTable.build(one), one.sample(3, np.random.default_rng(0))
    quality = made("capacity", one, table, pool)
    assert np.isfinite(quality.score(one.sample(3, np.random.default_rng(0)))).all()
    restored(FitContext(one, table, pool), saved(quality))


def test_median_genome_ignores_rows_in_which_a_gene_sleeps(v2):
    space, _ = v2
    positions = {gene.name: k for k, gene in enumerate(space.genes)}
    genomes = space.sample(2000, np.random.default_rng(0))
    centre = median_genome(space, genomes)
    # the last block of the longest segment is rarely there, its canonical choice is then 0
    last = positions["stages.2.blocks.0.expansion[10]"]
    assert np.median(genomes[:, last]) == 0
    assert centre[last] in (2, 3)


def test_stage_costs_add_up_to_the_blocks(v2):
    space, table = v2
    genomes = space.sample(100, np.random.default_rng(0))
    stages = stage_costs(table, ("params",))(genomes)[:, :, 0].sum(axis=1)
    head_and_stem = table.price(genomes)["params"] - stages
    width = (
        1000 * 2 * (144 + 16 * genomes[:, [g.name for g in space.genes].index("stages.3.width")].astype(int))
    )
    assert (head_and_stem > width).all(), "two classifiers of 1000 classes, and the stem"
    assert (head_and_stem < 1.2 * width).all()


def test_counts(v2, pool):
    space, table = v2
    genomes = np.array([r.genome for r in space.references.values()])
    assert made("depth", space, table, pool).score(genomes).tolist() == [14, 21, 28, 35]
    assert made("params", space, table, pool).score(genomes).tolist() == [
        r.facts["params"] for r in space.references.values()
    ]
    assert made("macs", space, table, pool).score(genomes).tolist() == [
        r.facts["macs"] for r in space.references.values()
    ]


def test_a_spread_of_widths_is_pointed_out(v2):
    space, _ = v2
    terms = [Term("stages.0.width", 1, 40, 0, 2.0), Term("stages.0.depth", 1, 3, 0, 0.2)]
    assert "sum of widths" in CapacityFormula(space, terms, 1.0).notes[0]
    assert CapacityFormula(space, [terms[0], Term("stages.0.depth", 1, 3, 0, 1.0)], 1.0).notes == ()
