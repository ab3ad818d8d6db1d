"""The spaces of published accuracies: their networks have the published sizes, and PiT is timm's.

Rows of `rows/`: AutoFormer's subnets as published with OoD-ViT-NAS (github.com/vovantuan1999a/OoD-ViT-NAS at
037c8e0); networks of ViT-Bench-101 (github.com/lliai/Auto-Prox-AAAI24), whose sizes another formula gave.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vitnas.arch.build import build
from vitnas.cost.pricer import price_architecture
from vitnas.cost.table import CostTable
from vitnas.space.files import load_space
from vitnas.space.rows import read_rows

ROWS = Path(__file__).parent / "rows"
TABLES = [
    *((f"autoformer_{scale}", "autoformer") for scale in ("tiny", "small", "base")),
    ("pit", "pit"),
    ("vit_bench", "vit_bench"),
]


def column(table: str, ids: tuple[str, ...], name: str) -> np.ndarray:
    with (ROWS / f"{table}.csv").open(newline="") as file:
        found = {row["id"]: row for row in csv.DictReader(file)}
    return np.array([float(found[key][name]) for key in ids])


def autoformer_params(depth: int, e: int, heads: list[int], ratios: list[float]) -> int:
    """Parameters written out: patches, class token and positions; blocks; norm and classifier."""
    total = 769 * e + e + 197 * e + 2 * e + 1000 * e + 1000
    for k in range(depth):
        q, f = 64 * heads[k], int(e * ratios[k])
        total += 4 * e + 3 * (q * e + q) + (q * e + e) + (2 * e * f + f + e) + 4 * 30 * 64
    return total


@pytest.mark.parametrize(("name", "table"), TABLES)
def test_sizes_are_the_published_ones(name: str, table: str) -> None:
    space = load_space(name)
    rows = read_rows(ROWS / f"{table}.csv", space)
    priced = CostTable.cached(space).price(rows.genomes)
    assert (priced["params"] == np.round(column(table, rows.ids, "params_m") * 1e6)).all()
    built = build_on_meta(space.decode(rows.genomes[0]))
    assert sum(p.numel() for p in built.parameters()) == priced["params"][0]
    if not name.startswith("autoformer"):
        # the published counts leave the classifier out, of 100 classes and the last width
        widths = [space.decode(genome).stages[-1].width for genome in rows.genomes]
        without = priced["macs"] - 100 * np.array(widths)
        np.testing.assert_allclose(without / 1e6, column(table, rows.ids, "macs_m"), atol=6e-4)


def build_on_meta(architecture) -> nn.Module:
    with torch.device("meta"):
        return build(architecture)


@pytest.mark.parametrize("scale", ["tiny", "small", "base"])
def test_autoformer_is_its_formula(scale: str) -> None:
    space = load_space(f"autoformer_{scale}")
    genomes = space.sample(200, np.random.default_rng(0))
    expected = []
    for genome in genomes:
        stage = space.decode(genome).stages[0]
        blocks = stage.blocks()
        heads, ratios = [b.args["heads"] for b in blocks], [b.args["expansion"] for b in blocks]
        expected.append(autoformer_params(len(blocks), stage.width, heads, ratios))
    assert (CostTable.cached(space).price(genomes)["params"] == expected).all()


def test_pit_of_the_golden_size() -> None:
    rows = read_rows(ROWS / "pit.csv", load_space("pit"))
    architecture = load_space("pit").decode(rows.genomes[rows.ids.index("pit-000")])
    assert [stage.width for stage in architecture.stages] == [32, 64, 64]
    assert price_architecture(architecture)["params"] == 893_828


def copied_from_timm(ours: nn.Module, theirs: nn.Module) -> None:
    """Load timm's weights, whose queries, keys and values are one layer."""
    state = theirs.state_dict()
    source: dict[str, Tensor] = {
        "stem.proj.weight": state["patch_embed.conv.weight"],
        "stem.proj.bias": state["patch_embed.conv.bias"],
        "stem.class_token": state["cls_token"],
        "stem.positions": state["pos_embed"].flatten(2).transpose(1, 2),
    }
    for name, value in state.items():
        if name.startswith(("norm", "head")):
            source["head." + name] = value
        if not name.startswith("transformers"):
            continue
        own = name.replace("transformers", "stages").replace("attn.", "attention.")
        own = own.replace("pool.conv", "down.pool").replace("pool.fc", "down.proj")
        if "qkv" in own:
            for part, piece in zip("qkv", value.chunk(3), strict=True):
                source[own.replace("qkv", part)] = piece
        else:
            source[own] = value
    ours.load_state_dict(source)


def test_pit_computes_what_timm_computes() -> None:
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    space = load_space("pit")
    genes = {"base_dim": 32, "expansion": 4, "heads_0": 2, "heads_1": 4, "heads_2": 8}
    depths = {f"stages.{k}.blocks.0.repeat": depth for k, depth in enumerate((2, 6, 4))}
    genome = space.genome_of({f"vars.{name}": value for name, value in genes.items()} | depths)
    ours, theirs = build(space.decode(genome)).eval(), timm.create_model("pit_ti_224", num_classes=100).eval()
    with torch.no_grad():
        for value in theirs.parameters():
            value.normal_(0, 0.2 if value.ndim == 1 else value[0].numel() ** -0.5)
        copied_from_timm(ours, theirs)
        images = torch.randn(2, 3, 224, 224)
        mine, reference = ours(images), theirs(images)
    assert reference.std() > 0.05
    torch.testing.assert_close(mine, reference, atol=1e-4, rtol=1e-4)
