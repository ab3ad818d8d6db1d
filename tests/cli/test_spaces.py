from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from vitnas.arch.schema import save_architecture
from vitnas.cli.spaces import _choices
from vitnas.space.files import load_architecture, load_space

Run = Callable[..., tuple[int, str, str]]


def test_the_list_names_every_space_and_its_published_networks(run: Run) -> None:
    code, out, err = run("spaces")
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    entries = {entry["name"]: entry for entry in json.loads(run("spaces", "--json")[1])}
    assert {"efficientformer", "efficientformer_v1"} <= set(entries)
    assert entries["efficientformer_v1"]["references"] == ["l1", "l3", "l7"]
    for name, entry in entries.items():
        assert f"\n{name} " in out
        assert entry["description"]
        assert entry["problem"] is None


def test_the_users_own_spaces_come_first_and_broken_ones_show_their_problem(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "search_spaces"
    folder.mkdir()
    (folder / "efficientformer.yaml").write_text("name: efficientformer\ndescription: my own\n")
    (folder / "tabbed.yaml").write_text("name:\tx\n\tstem: y\n")
    (folder / "text.yaml").write_text("text")
    monkeypatch.chdir(tmp_path)
    entries = {entry["name"]: entry for entry in json.loads(run("spaces", "--json")[1])}
    assert entries["efficientformer"]["description"] == "my own"
    assert "tabbed.yaml:" in entries["tabbed"]["problem"]
    assert "holds no space" in entries["text"]["problem"]
    assert run("spaces")[0] == 0


def test_show(run: Run) -> None:
    code, out, err = run("spaces", "show", "efficientformer")
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    words = [line.split() for line in out.splitlines()]
    assert ["stages.2.blocks.1", "attention_ffn", "expansion", "8", "2,", "2.5", "...", "4.5"] in words
    assert ["efficientformer:s0", "3.60", "M", "0.40", "G", "75.7", "0.9"] in words


def test_show_as_json_holds_every_gene(run: Run) -> None:
    space = load_space("efficientformer_v1")
    shown = json.loads(run("spaces", "show", "efficientformer_v1", "--json")[1])
    assert shown["size"] == space.size
    assert [(g["name"], tuple(g["choices"])) for g in shown["genes"]] == [
        (g.name, g.choices) for g in space.genes
    ]
    assert shown["references"]["l1"]["params"] == 12289928
    assert shown["references"]["l1"]["id"] == space.references["l1"].architecture.id


def test_show_of_a_space_without_references_or_genes(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "one.yaml"
    path.write_text(
        "name: one\nstem: {op: conv_stem}\n"
        "stages: [{width: 16, blocks: [{op: conv_ffn}]}]\nhead: {op: pooled_classifier}\n"
    )
    code, out, _ = run("spaces", "show", str(path))
    assert code == 0
    assert "1 architecture, 0 genes" in out
    assert "published" not in out


@pytest.mark.parametrize(
    ("choices", "shown"),
    [
        ((1, 2, 3, 4, 5), "1, 2 ... 5"),
        ((1, 2, 3, 4), "1, 2, 3, 4"),
        ((1, 2, 3, 4, 6), "1, 2, 3, 4, 6"),
        ((2, 2.5, 3, 3.5, 4), "2, 2.5 ... 4"),
        (("a", "b", "c", "d", "e"), "a, b, c, d, e"),
        ((True, False), "True, False"),
    ],
)
def test_choices_are_shortened_only_if_evenly_spaced(choices: tuple[object, ...], shown: str) -> None:
    assert _choices(choices) == shown


@pytest.mark.parametrize(("network", "radius"), [("efficientformer:s1", 1), ("efficientformer_v1:l3", 2)])
def test_an_opened_space_is_a_small_part_around_the_network(
    network: str, radius: int, run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "near.yaml"
    code, out, err = run("spaces", "open", network, "--radius", str(radius), "--out", str(path))
    assert (code, err) == (0, "")
    assert f"wrote {path}" in out
    whole, opened = load_space(network.partition(":")[0]), load_space(path)
    architecture = load_architecture(network)
    assert opened.name == "near"
    assert opened.decode(opened.encode(architecture)).id == architecture.id
    assert 1 < opened.size < whole.size / 10
    choices = {gene.name: set(gene.choices) for gene in whole.genes}
    assert all(set(gene.choices) <= choices[gene.name] for gene in opened.genes)
    assert opened.template.notes["recipe"] == whole.template.notes["recipe"]


def test_radius_0_of_a_v1_network_is_the_network_itself(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "point.yaml"
    assert run("spaces", "open", "efficientformer_v1:l1", "--radius", "0", "--out", str(path))[0] == 0
    assert load_space(path).size == 1


def test_without_a_file_the_space_goes_to_stdout(run: Run, tmp_path: Path) -> None:
    _, out, err = run("spaces", "open", "efficientformer:s0")
    assert err == ""
    path = tmp_path / "x.yaml"
    path.write_text(out)
    assert load_space(path).name.startswith("efficientformer_around_")
    assert max(map(len, out.splitlines())) <= 120


def test_a_network_that_does_not_tell_its_space(run: Run, tmp_path: Path) -> None:
    from vitnas.arch.schema import Architecture, save_architecture

    found = load_architecture("efficientformer:s0")
    renamed = Architecture(**{**vars(found), "name": "mine"})
    path = tmp_path / "mine.yaml"
    save_architecture(renamed, path)
    code, _, err = run("spaces", "open", str(path))
    assert code == 2
    assert "name it with --space (known: " in err and "efficientformer" in err
    assert run("spaces", "open", str(path), "--space", "efficientformer")[0] == 0
    code, _, err = run("spaces", "open", str(path), "--space", "efficientformer_v1")
    assert code == 2
    assert "not in the space 'efficientformer_v1'" in err


def test_a_file_that_cannot_be_written(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "missing" / "x.yaml"
    code, _, err = run("spaces", "open", "efficientformer:s0", "--out", str(path))
    assert (code, err) == (2, f"error: cannot write {path}: No such file or directory\n")


def test_a_space_is_opened_around_a_network_of_another_resolution(run: Run, tmp_path: Path) -> None:
    network = dataclasses.replace(load_architecture("efficientformer:s0"), resolution_px=256)
    save_architecture(network, tmp_path / "s0.yaml")
    code, _, err = run("spaces", "open", str(tmp_path / "s0.yaml"), "--out", str(tmp_path / "near.yaml"))
    assert (code, err) == (0, "")
    assert load_space(str(tmp_path / "near.yaml")).resolutions_px == (256,)
