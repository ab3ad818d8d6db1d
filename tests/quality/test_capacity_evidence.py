"""What is known of the formula: elasticities and accuracies of plain ViTs."""

from __future__ import annotations

import numpy as np
import pytest

from vitnas.quality.genomes.elasticity import elasticities
from vitnas.quality.genomes.formula import CapacityFormula
from vitnas.quality.genomes.resources import stage_resources


def test_elasticities_of_a_plain_vit(plain_vit):
    """4 e q + 2 e f parameters a block: depth 1, width 5/3, mlp 2/3, attention 1/3 where q = e, f = 4 e."""
    space, table = plain_vit(
        width={"range": [128, 256, 32]},
        repeat={"range": [8, 16]},
        mlp_ratio={"choice": [3, 3.5, 4, 4.5, 5]},
        heads={"choice": [2, 3, 4]},
    )
    pool = space.sample(500, np.random.default_rng(0))
    resources = stage_resources(space)
    assert [r.kind for r in resources] == ["depth", "width", "expansion", "attention"]
    weights = elasticities(space, table, pool, resources, np.zeros(4), {"params": 1.0})
    np.testing.assert_allclose(weights, [1, 5 / 3, 2 / 3, 1 / 3], atol=0.06)
    # MACs add the products of attention, which grow with its width alone
    both = elasticities(space, table, pool, resources, np.zeros(4), {"params": 0.5, "macs": 0.5})
    assert both[3] > weights[3]
    assert both[0] == pytest.approx(1, abs=0.02)
    # where all is tokens, parameters alone are the cost
    fitted = CapacityFormula.fit(space, table, pool, power=1.0)
    assert [t.weight for t in fitted.terms] == pytest.approx(list(weights))


# depth, embedding width, mlp ratios, heads, and top-1 of AutoFormer-small subnets with inherited weights,
# from the lists published with OoD-ViT-NAS (github.com/vovantuan1999a/OoD-ViT-NAS at 037c8e0)
AUTOFORMER_SMALL = [
    (13, 448, (3.5, 4, 3.5, 3.5, 4, 4, 4, 4, 4, 3, 3, 4, 4), (7, 7, 7, 5, 6, 6, 6, 6, 6, 5, 5, 5, 7), 81.472),
    (12, 384, (3, 3, 3.5, 3.5, 3, 3.5, 3, 3.5, 3.5, 4, 3.5, 3), (5, 6, 6, 5, 6, 5, 7, 6, 5, 7, 5, 7), 80.978),
    (
        14,
        448,
        (3.5, 3.5, 3.5, 3, 3, 4, 3, 4, 4, 3.5, 3, 3.5, 3.5, 3),
        (6, 7, 6, 6, 5, 6, 7, 6, 5, 5, 6, 5, 7, 6),
        81.494,
    ),
    (
        13,
        320,
        (3, 4, 3.5, 4, 4, 3, 4, 3.5, 3.5, 4, 4, 3.5, 4),
        (7, 6, 6, 5, 5, 5, 7, 7, 5, 5, 7, 6, 5),
        80.634,
    ),
    (
        13,
        384,
        (3, 3.5, 3.5, 3, 3.5, 3, 3.5, 3.5, 4, 3.5, 3, 3.5, 3),
        (6, 7, 6, 5, 5, 5, 6, 5, 6, 7, 6, 6, 7),
        81.322,
    ),
    (13, 448, (4, 3.5, 3, 4, 3, 3, 4, 3, 4, 3, 4, 4, 4), (7, 6, 7, 5, 7, 5, 5, 6, 5, 6, 7, 7, 7), 81.522),
    (12, 448, (3, 3, 3, 3.5, 3.5, 4, 3.5, 3, 3.5, 3, 3, 4), (7, 5, 6, 6, 6, 6, 5, 7, 5, 6, 5, 7), 81.266),
    (
        14,
        320,
        (3, 3, 4, 4, 3, 3, 4, 4, 3.5, 3, 3, 3.5, 4, 4),
        (5, 5, 5, 7, 5, 6, 7, 7, 6, 6, 7, 5, 5, 5),
        80.216,
    ),
    (
        14,
        320,
        (4, 4, 3, 4, 4, 3, 3.5, 3, 3, 3.5, 3.5, 3, 3.5, 4),
        (6, 7, 6, 5, 6, 7, 6, 7, 5, 7, 6, 7, 5, 6),
        80.416,
    ),
    (
        14,
        320,
        (3, 4, 3.5, 3.5, 4, 3, 3, 3.5, 3.5, 3.5, 3, 4, 3, 4),
        (7, 5, 7, 5, 6, 7, 5, 5, 7, 6, 7, 6, 6, 5),
        80.318,
    ),
    (13, 448, (3, 3.5, 4, 4, 3, 4, 4, 3, 4, 4, 4, 4, 3.5), (6, 6, 6, 7, 7, 7, 7, 5, 6, 5, 5, 5, 6), 81.426),
    (
        14,
        448,
        (3, 3, 3, 3, 3.5, 3, 3, 4, 3.5, 3.5, 4, 3.5, 3.5, 3.5),
        (7, 7, 5, 5, 6, 7, 5, 6, 6, 7, 7, 7, 5, 7),
        81.614,
    ),
    (
        13,
        320,
        (4, 4, 3.5, 3.5, 3.5, 4, 4, 4, 3, 3, 3.5, 3.5, 3),
        (7, 5, 6, 5, 7, 5, 5, 7, 5, 7, 5, 7, 7),
        80.354,
    ),
    (12, 320, (4, 3.5, 3.5, 4, 3.5, 3, 3, 4, 3, 3.5, 3, 3), (7, 6, 5, 7, 7, 6, 6, 5, 6, 7, 7, 6), 79.804),
    (12, 448, (3, 3.5, 4, 3.5, 3, 3.5, 3, 3, 4, 4, 3.5, 4), (5, 6, 6, 7, 6, 7, 5, 6, 5, 7, 7, 5), 81.326),
    (
        14,
        320,
        (3.5, 4, 3, 4, 4, 3, 3, 3, 4, 4, 3.5, 3, 3, 3.5),
        (6, 6, 7, 6, 6, 7, 7, 7, 7, 7, 6, 6, 5, 6),
        80.526,
    ),
    (
        14,
        384,
        (4, 4, 4, 3.5, 3, 4, 4, 3.5, 4, 4, 3, 3, 3, 3),
        (7, 7, 5, 6, 6, 7, 5, 5, 6, 5, 7, 6, 7, 6),
        81.318,
    ),
    (12, 320, (3.5, 3.5, 4, 3.5, 3.5, 4, 4, 4, 3.5, 4, 3, 4), (5, 7, 6, 7, 7, 7, 5, 5, 7, 6, 7, 7), 80.256),
    (
        13,
        320,
        (3.5, 3, 4, 4, 3, 3, 4, 3.5, 3.5, 4, 3.5, 3.5, 4),
        (6, 5, 5, 5, 5, 6, 7, 7, 7, 5, 7, 5, 5),
        80.544,
    ),
    (
        14,
        384,
        (4, 3, 3, 3, 3.5, 3, 3, 3, 3.5, 3.5, 3, 3, 4, 3),
        (6, 5, 5, 6, 7, 7, 7, 7, 5, 5, 6, 7, 7, 7),
        81.222,
    ),
    (
        13,
        320,
        (3.5, 3, 3.5, 3.5, 3.5, 3, 4, 3, 3, 3, 4, 3.5, 4),
        (5, 5, 7, 6, 7, 5, 7, 5, 5, 5, 5, 6, 5),
        80.096,
    ),
    (
        12,
        320,
        (3.5, 3, 3, 3, 3.5, 3.5, 3.5, 4, 3, 3.5, 3.5, 3.5),
        (6, 6, 6, 7, 7, 6, 7, 6, 6, 5, 7, 7),
        80.082,
    ),
    (
        12,
        320,
        (3.5, 3.5, 3.5, 3.5, 3, 4, 3.5, 3.5, 3, 3, 3.5, 3),
        (5, 7, 5, 5, 7, 6, 6, 6, 5, 6, 5, 5),
        79.656,
    ),
    (
        14,
        448,
        (3, 3, 3, 3.5, 3.5, 3.5, 4, 3, 4, 4, 4, 3, 4, 3),
        (6, 7, 7, 6, 7, 6, 6, 6, 6, 7, 7, 5, 5, 5),
        81.574,
    ),
]


def test_agrees_with_published_accuracies_of_plain_vits(plain_vit):
    from scipy.stats import kendalltau

    space, table = plain_vit(
        width={"choice": [320, 384, 448]},
        repeat={"range": [12, 14]},
        mlp_ratio={"choice": [3, 3.5, 4]},
        heads={"choice": [5, 6, 7]},
    )
    genomes = np.array(
        [
            space.genome_of(
                {
                    "stages.0.width": width,
                    "stages.0.blocks.0.repeat": depth,
                    "stages.0.blocks.0.mlp_ratio": list(ratios),
                    "stages.0.blocks.0.heads": list(heads),
                }
            )
            for depth, width, ratios, heads, _ in AUTOFORMER_SMALL
        ]
    )
    top1 = [row[-1] for row in AUTOFORMER_SMALL]
    # 600 such rows give .82; 24 of them some .1 around it
    assert kendalltau(CapacityFormula.fit(space, table, genomes).score(genomes), top1)[0] > 0.65
