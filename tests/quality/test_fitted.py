"""A quality fitted on labels of a synthetic truth whose answer is known."""

from __future__ import annotations

import json

import numpy as np
import pytest

from vitnas.cost.table import CostTable
from vitnas.errors import InvalidData, InvalidInput
from vitnas.quality.base import FitContext
from vitnas.quality.genomes.fitted.active import most_informative
from vitnas.quality.genomes.fitted.block_figures import list_atoms
from vitnas.quality.genomes.fitted.model import FittedModel
from vitnas.quality.genomes.fitted.validation import Validation, kendall_tau
from vitnas.quality.genomes.formula import CapacityFormula
from vitnas.quality.labels import Labels, merged
from vitnas.quality.parse import parse_quality, restored, saved
from vitnas.space.files import load_space


@pytest.fixture(scope="module")
def vit():
    """A plain ViT of few blocks, its prices, a pool, and the positions of its genes."""
    document = {
        "name": "vit_few",
        "input": {"channels": 3, "resolution_px": 32},
        "classes": 10,
        "stem": {"op": "patch_embed", "patch_px": 8},
        "stages": [
            {
                "width": {"choice": [32, 48, 64]},
                "blocks": [
                    {
                        "op": "transformer_block",
                        "repeat": {"range": [4, 6]},
                        "expansion": {"choice": [2, 3, 4]},
                        "heads": {"choice": [1, 2, 3]},
                        "head_dim": 16,
                    }
                ],
            }
        ],
        "head": {"op": "token_classifier"},
    }
    space = load_space(document)
    return space, CostTable.build(space), space.sample(1000, np.random.default_rng(0))


def labelled(vit, count, *, late=0.0, noise=0.0, seed=1):
    """Labels of ``count`` networks: capacity, what the late blocks' expansions add, and noise."""
    space, table, pool = vit
    rng = np.random.default_rng(seed)
    genomes = np.unique(space.sample(2 * count, rng), axis=0)
    genomes = genomes[rng.permutation(len(genomes))][:count]
    score = CapacityFormula.fit(space, table, pool).score(genomes)
    score = (score - score.mean()) / score.std()
    names = [gene.name for gene in space.genes]
    where = [names.index(f"stages.0.blocks.0.expansion[{k}]") for k in (2, 3)]
    extra = genomes[:, where].sum(axis=1) - 2.0
    return Labels("top1", "made up", genomes, 75 + score + late * extra + noise * rng.normal(size=count))


def test_never_worse_than_its_prior(vit):
    space, table, pool = vit
    capacity = CapacityFormula.fit(space, table, pool)
    test = labelled(vit, 400, seed=9)
    prior = kendall_tau(capacity.score(test.genomes), test.values)
    assert prior == pytest.approx(1, abs=1e-3)
    for seed in range(3):
        few = labelled(vit, 12, noise=0.3, seed=seed)
        fitted = FittedModel.fit(space, table, pool, few, check=False)
        assert kendall_tau(fitted.score(test.genomes), test.values) > 0.75
    noisy = labelled(vit, 200, noise=0.3, seed=5)
    fitted = FittedModel.fit(space, table, pool, noisy, check=False)
    assert kendall_tau(fitted.score(test.genomes), test.values) > 0.9


def test_learns_what_the_prior_cannot_say(vit):
    space, table, pool = vit
    test = labelled(vit, 300, late=2.0, seed=9)
    labels = labelled(vit, 60, late=2.0, noise=0.2)
    fitted = FittedModel.fit(space, table, pool, labels)
    tau = kendall_tau(fitted.score(test.genomes), test.values)
    assert tau > 0.85
    assert kendall_tau(CapacityFormula.fit(space, table, pool).score(test.genomes), test.values) < tau - 0.2
    # what cross-validation said of it, before the test rows were seen
    assert fitted.validation is not None
    assert abs(fitted.validation.tau - tau) < 0.12
    assert fitted.validation.beside["capacity"] < fitted.validation.tau
    (note,) = fitted.notes
    assert note.startswith("fitted on 60 labels (top1 of made up), cross-validated tau .")
    assert "beside capacity ." in note and "params ." in note


def test_intervals_hold_what_they_promise(vit):
    space, table, pool = vit
    test = labelled(vit, 400, late=1.0, noise=0.5, seed=9)
    held = []
    for seed in range(4):
        labels = labelled(vit, 60, late=1.0, noise=0.5, seed=seed)
        low, high = FittedModel.fit(space, table, pool, labels).interval(test.genomes)
        held.append(((low <= test.values) & (test.values <= high)).mean())
    assert 0.84 < np.mean(held) < 0.97


def test_the_score_is_the_sum_of_its_base_features(vit):
    space, table, pool = vit
    fitted = FittedModel.fit(space, table, pool, labelled(vit, 50, late=1.0), check=False)
    weights, constant = fitted.weights
    genomes = space.sample(200, np.random.default_rng(4))
    naive = fitted.features.base(genomes) @ weights + constant
    np.testing.assert_allclose(fitted.score(genomes), fitted.warp.backward(naive), rtol=1e-9)
    # the posterior that intervals rest on says the same
    y = fitted.ridge.predict(fitted.features.blocks(genomes))
    np.testing.assert_allclose(naive, y, atol=1e-9)


def test_a_steep_tail_is_straightened(vit):
    space, table, pool = vit
    test, labels = labelled(vit, 300, seed=9), labelled(vit, 60, noise=0.1)
    assert FittedModel.fit(space, table, pool, labels, check=False).warp.power == 0

    def bent(known):  # the poorest fall off
        z = (known.values - 75) / 2
        return Labels("top1", "made up", known.genomes, 75 + np.log1p(np.maximum(z, -0.97)))

    assert (bent(labels).values.argsort() == labels.values.argsort()).all()
    fitted = FittedModel.fit(space, table, pool, bent(labels), check=False)
    assert fitted.warp.power > 0
    assert kendall_tau(fitted.score(test.genomes), test.values) > 0.85


def test_atoms_are_what_the_architecture_says(vit):
    space = vit[0]
    genomes = space.sample(20, np.random.default_rng(2))
    atoms = {atom.name: atom.values(genomes) for atom in list_atoms(space)}
    for row, genome in enumerate(genomes):
        architecture = space.decode(genome)
        blocks = architecture.stages[0].blocks()
        assert atoms["stages.0.depth.log"][row] == pytest.approx(np.log(len(blocks)))
        assert atoms["stages.0.width.log"][row] == pytest.approx(np.log(architecture.stages[0].width))
        for k in range(6):
            expansion = atoms[f"stages.0.blocks.0[{k}].expansion"][row]
            attention = atoms[f"stages.0.blocks.0[{k}].attention"][row]
            if k < len(blocks):
                assert expansion == blocks[k].args["expansion"]
                assert attention == 16 * blocks[k].args["heads"]
            else:
                assert np.isnan(expansion) and np.isnan(attention)


def test_a_space_of_stages_and_operators(v2):
    space, table = v2
    pool = space.sample(500, np.random.default_rng(0))
    params = table.price(pool)["params"]
    labels = Labels("size", "counted", pool[:80], np.log(params[:80]))
    fitted = FittedModel.fit(space, table, pool, labels, check=False)
    assert kendall_tau(fitted.score(pool[80:]), params[80:]) > 0.88
    again = FittedModel.from_state(space, json.loads(json.dumps(fitted.state())))
    assert np.array_equal(again.score(pool), fitted.score(pool))


def test_state_round_trips_to_the_last_bit(vit):
    space, table, pool = vit
    labels = labelled(vit, 40, late=1.0, noise=0.1)
    context = FitContext(space, table, pool, labels=labels)
    fitted = parse_quality("fitted").fit(context)
    again = restored(context, json.loads(json.dumps(saved(fitted))))
    assert np.array_equal(again.score(pool), fitted.score(pool))
    assert again.notes == fitted.notes
    rows = [()] * len(pool)
    for a, b in zip(again.details(pool, rows), fitted.details(pool, rows), strict=True):
        assert a["fitted"]["low"] == pytest.approx(b["fitted"]["low"])
        assert a["fitted"]["high"] == pytest.approx(b["fitted"]["high"])


def test_a_damaged_or_foreign_state_is_refused(vit, v2):
    space, table, pool = vit
    state = FittedModel.fit(space, table, pool, labelled(vit, 20), check=False).state()
    with pytest.raises(InvalidData, match="another space"):
        FittedModel.from_state(v2[0], state)
    del state["weights"]
    with pytest.raises(InvalidData, match="damaged"):
        FittedModel.from_state(space, state)


def test_out_of_range_says_why(vit):
    space, table, pool = vit
    labels = labelled(vit, 200)
    width = [gene.name for gene in space.genes].index("stages.0.width")
    narrow = labels.genomes[:, width] < 2
    few = Labels("top1", "made up", labels.genomes[narrow], labels.values[narrow])
    fitted = FittedModel.fit(space, table, pool, few, check=False)
    assert fitted.out_of_range(few.genomes) == [()] * len(few)
    wide = labels.genomes[~narrow][:5]
    for reasons in fitted.out_of_range(wide):
        assert "no labelled architecture has stages.0.width 64" in reasons
        assert any(
            reason.startswith("stages.0.width 64 is outside the labelled 32 to 48") for reason in reasons
        )
    said = fitted.details(wide[:1])[0]
    assert said["low"] < said["value"] < said["high"] and said["out_of_range"]


def test_too_few_or_equal_labels_are_refused(vit):
    space, table, pool = vit
    labels = labelled(vit, 12)
    few = Labels("top1", "t.csv", labels.genomes[:9], labels.values[:9])
    with pytest.raises(InvalidData, match=r"t.csv: 9 labelled architectures in column 'top1'.*at least 10"):
        FittedModel.fit(space, table, pool, few)
    with pytest.raises(InvalidData, match="every label is 3"):
        FittedModel.fit(space, table, pool, Labels("top1", "t.csv", labels.genomes, np.full(12, 3.0)))
    with pytest.raises(InvalidInput, match="needs `labels`"):
        parse_quality("fitted").fit(FitContext(space, table, pool))


def test_rows_of_one_architecture_are_averaged(vit):
    space = vit[0]
    a, b = space.sample(2, np.random.default_rng(0))
    labels = merged(space, "top1", "t.csv", np.array([a, b, a, b]), np.array([1.0, 2.0, 4.0, np.nan]))
    assert labels.genomes.tolist() == [a.tolist(), b.tolist()]
    assert labels.values.tolist() == [2.5, 2.0]
    assert labels.notes == (
        "rows without a label, left out: 1",
        "rows that repeat an architecture, labels averaged: 1",
    )


def test_what_to_label(vit):
    space, table, pool = vit
    labels = labelled(vit, 30)
    candidates = np.concatenate([labels.genomes, pool[:100], pool[:5]])
    picked = most_informative(space, table, pool, candidates, 20, labels=labels)
    keys = space.keys(candidates[picked])
    assert len(set(keys)) == 20
    assert not np.isin(keys, space.keys(labels.genomes)).any()
    # labels taken where they teach most leave less to guess than labels at random
    first = most_informative(space, table, pool, pool, 20)

    def left(rows):
        chosen = Labels("top1", "made up", pool[rows], np.arange(float(len(rows))))
        fitted = FittedModel.fit(space, table, pool, chosen, check=False)
        fitted.variances = np.full_like(fitted.variances, 0.1)
        return fitted.ridge.leverage(fitted.features.blocks(pool)).mean()

    assert left(first) < left(list(range(20)))


def test_validation_in_words():
    found = Validation(0.812, 0.034, 10, {"capacity": 0.694, "depth": -0.34, "params": 1.0})
    assert str(found) == "cross-validated tau .81 ± .03, beside capacity .69 and depth -.34 and params 1.00"
    assert Validation.from_dict(json.loads(json.dumps(found.to_dict()))) == found
