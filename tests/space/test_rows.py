"""Tables of architectures with labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vitnas.arch.schema import save_architecture
from vitnas.errors import InvalidData, InvalidSpace, UnknownName
from vitnas.space.files import load_space
from vitnas.space.rows import read_rows

HEADER = "id,scale,depth,embed_dim,num_heads,mlp_ratio,params_m,imagenet_top1,noise_top1"
HEADS, RATIOS = ";".join(["3", "4"] * 6), ";".join(["3.5"] * 6 + ["4"] * 6)
ROW = f"a,tiny,12,216,{HEADS},{RATIOS},6.5,75.1,"
SMALL = "b,small,12,384,6,4,22,81.0,"


@pytest.fixture(scope="module")
def tiny():
    return load_space("autoformer_tiny")


@pytest.fixture(scope="module")
def pit():
    return load_space("pit")


@pytest.fixture
def table(tmp_path: Path):
    def write(*lines: str) -> Path:
        path = tmp_path / "rows.csv"
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


def test_architectures_labels_and_rows_of_other_spaces(tiny, table):
    rows = read_rows(table(HEADER, SMALL, ROW, "", "c,tiny,14,192,3,4,7,74.9,50"), tiny)
    assert (rows.ids, rows.lines, rows.skipped, len(rows)) == (("a", "c"), (3, 5), 1, 2)
    first, second = (tiny.decode(genome) for genome in rows.genomes)
    assert first.stages[0].width == 216
    assert [b.args["heads"] for b in first.stages[0].blocks()] == [3, 4] * 6
    assert [b.args["expansion"] for b in first.stages[0].blocks()] == [3.5] * 6 + [4] * 6
    assert [b.args["heads"] for b in second.stages[0].blocks()] == [3] * 14, "one value holds for all blocks"
    assert rows.labels == ("imagenet_top1", "noise_top1")
    assert rows.values("imagenet_top1").tolist() == [75.1, 74.9]
    np.testing.assert_array_equal(rows.values("noise_top1"), [np.nan, 50])
    assert rows.groups == ("", "")
    with pytest.raises(UnknownName, match="did you mean 'imagenet_top1'"):
        rows.values("imagenet_top")


def test_a_label_that_no_row_has_is_none(tiny, table):
    assert read_rows(table(HEADER, ROW), tiny).labels == ("imagenet_top1",)


def test_groups_come_from_the_column_that_the_space_names(table):
    header = "slice,depth,embed_dim,num_heads,mlp_ratio,c100_kd_acc"
    rows = read_rows(table(header, "main,12,192,3,4,1", "ext,12,192,4,4,2"), load_space("vit_bench"))
    assert rows.groups == ("main", "ext")
    assert rows.ids == ("2", "3"), "line numbers, where nothing names the rows"


def test_lists_over_stages(pit, table):
    rows = read_rows(table("base_dim,depth,num_heads,mlp_ratio,acc", "24,2;8;4,2;4;8,6,68"), pit)
    stages = pit.decode(rows.genomes[0]).stages
    assert [stage.width for stage in stages] == [48, 96, 192]
    assert [len(stage.blocks()) for stage in stages] == [2, 8, 4]
    assert {b.args["expansion"] for stage in stages for b in stage.blocks()} == {6}


def test_a_cell_is_blank_where_a_segment_has_no_block(table):
    space = load_space("tiny32")
    header = (
        "stages.0.width,stages.0.blocks.0.repeat,stages.0.blocks.0.expansion,stages.1.width,"
        "stages.1.blocks.0.repeat,stages.1.blocks.0.expansion,stages.1.blocks.1.repeat,"
        "stages.1.blocks.1.expansion,acc"
    )
    rows = read_rows(table(header, "16,1,3,32,0,,2,3;2,60"), space)
    second = space.decode(rows.genomes[0]).stages[1]
    assert [(b.op, b.args["expansion"]) for b in second.blocks()] == [
        ("attention_ffn", 3),
        ("attention_ffn", 2),
    ]
    with pytest.raises(InvalidData, match=r"column 'stages.1.blocks.0.expansion': 0 values for 1 blocks"):
        read_rows(table(header, "16,1,3,32,1,,2,3;2,60"), space)


def test_columns_may_be_named_like_genes(pit, table):
    names = [gene.name for gene in pit.genes]
    genome = pit.sample(1, np.random.default_rng(0))[0]
    values = ",".join(map(str, pit.chosen(genome)))
    rows = read_rows(table(",".join([*names, "acc"]), values + ",1"), pit)
    assert (rows.genomes[0] == genome).all()


def test_genomes_and_files(tiny, table, tmp_path):
    genomes = tiny.sample(2, np.random.default_rng(0))
    rows = read_rows(table("genome,acc", *(f"{g.tobytes().hex()},{k}" for k, g in enumerate(genomes))), tiny)
    assert (rows.genomes == genomes).all()
    save_architecture(tiny.decode(genomes[1]), tmp_path / "one.yaml")
    rows = read_rows(table("file,acc", "one.yaml,70"), tiny)
    assert (rows.genomes == genomes[1]).all()
    assert rows.ids == ("one.yaml",)


def row(**changes: str) -> str:
    return ",".join({**dict(zip(HEADER.split(","), ROW.split(","), strict=True)), **changes}.values())


BAD = [
    ([], "is empty"),
    ([HEADER], "no rows"),
    ([HEADER, "a,tiny,12"], ":2: 3 fields; the header has 9"),
    (
        [HEADER, SMALL],
        "column 'scale': no row is of space 'autoformer_tiny'.*'tiny' here; the table has 'small'",
    ),
    ([HEADER, ROW, row(embed_dim="200")], r":3: column 'embed_dim': 200 is not among \[192, 216, 240\]"),
    ([HEADER, row(embed_dim="")], "column 'embed_dim': a blank is not among"),
    ([HEADER, row(num_heads="3;4")], ":2: column 'num_heads': 2 values for 12 blocks"),
    ([HEADER, row(num_heads=";".join(["3"] * 13))], "13 values for 12 blocks"),
    ([HEADER, row(num_heads=";".join(["3"] * 15))], "15 values; .*at most 14"),
    ([HEADER, row(imagenet_top1="high")], ":2: unknown column 'imagenet_top1'.*number.*'high'"),
    ([HEADER, row(imagenet_top1="inf")], "unknown column 'imagenet_top1'.*number.*'inf'"),
    (
        ["depth,embed_dim,acc", "12,192,1"],
        "no column 'mlp_ratio', 'num_heads', which space 'autoformer_tiny'",
    ),
    (["acc,acc", "1,2"], ":1: column 'acc': stands 2 times"),
    (["genome,acc", "zz,1"], "column 'genome': 'zz' is no row of hexadecimal"),
    (["genome,acc", "0001,1"], "which has 30 genes"),
    (["file,acc", "none.yaml,1"], "column 'file': no such architecture file"),
]


@pytest.mark.parametrize(("lines", "said"), BAD)
def test_what_cannot_be_read_is_said(tiny, table, lines, said):
    with pytest.raises(InvalidData, match=said) as caught:
        read_rows(table(*lines) if lines else _empty(table), tiny)
    assert "\n" not in str(caught.value)
    assert "rows.csv" in str(caught.value)


def _empty(table) -> Path:
    path = table("x")
    path.write_text("")
    return path


def test_a_missing_file_and_another_network(tiny, table, tmp_path):
    with pytest.raises(InvalidData, match="cannot be read"):
        read_rows(tmp_path / "none.csv", tiny)
    save_architecture(load_space("vit").references["deit_tiny"].architecture, tmp_path / "deit.yaml")
    with pytest.raises(InvalidData, match=":2: column 'file': not in the space 'autoformer_tiny'"):
        read_rows(table("file,acc", "deit.yaml,72"), tiny)


def test_a_space_that_names_what_it_does_not_have(tiny, table):
    path = table(HEADER, ROW)
    genes = {"embed_dim": "stages.0.widht"}
    with pytest.raises(
        InvalidSpace, match=r"columns.genes.embed_dim: unknown gene.*did you mean 'stages.0.width'"
    ):
        read_rows(path, load_space({**tiny.document, "columns": {"genes": genes}}))
    with pytest.raises(InvalidSpace, match="unknown key 'gene'"):
        read_rows(path, load_space({**tiny.document, "columns": {"gene": genes}}))
