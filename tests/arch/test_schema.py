"""Architecture files: round trips, identity, and errors that say where and what."""

from __future__ import annotations

import textwrap

import pytest

from vitnas.arch.schema import Architecture, read_architecture, save_architecture
from vitnas.arch.yaml_io import dump_yaml
from vitnas.errors import InvalidArchitecture, InvalidSpace
from vitnas.space.files import load_architecture, load_space

CLOSED = """\
name: tiny
input: {channels: 3, resolution_px: 64}
classes: 10
stem: {op: conv_stem}
stages:
  - width: 16
    blocks:
      - {op: conv_ffn, repeat: 3, expansion: [2, 3, 2.5]}
  - down: {op: conv_down}
    width: 32
    blocks:
      - {op: conv_ffn, expansion: 2}
      - {op: attention_ffn, repeat: 2, expansion: 3, heads: 2, key_dim: 8}
head: {op: pooled_classifier, distilled: true}
"""


def write(tmp_path, text, name="a.yaml"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_reading_and_writing_gives_the_same_bytes(tmp_path):
    path = write(tmp_path, CLOSED)
    architecture = read_architecture(path)
    copy = tmp_path / "b.yaml"
    save_architecture(architecture, copy)
    assert copy.read_text() == CLOSED
    assert read_architecture(copy) == architecture
    assert Architecture.from_dict(architecture.to_dict()) == architecture


@pytest.mark.parametrize("name", ["s0", "s1", "s2", "l"])
def test_published_networks_survive_a_file(tmp_path, name):
    architecture = load_architecture(f"efficientformer:{name}")
    save_architecture(architecture, tmp_path / "x.yaml")
    again = read_architecture(tmp_path / "x.yaml")
    assert again == architecture and again.id == architecture.id
    assert dump_yaml(again.to_dict()) == (tmp_path / "x.yaml").read_text()
    assert again.metadata["recipe"]["optimizer"] == "adamw"


def test_identity_is_of_what_is_built_not_of_its_spelling(tmp_path):
    a = read_architecture(write(tmp_path, CLOSED))
    spelled = CLOSED.replace("repeat: 3, expansion: [2, 3, 2.5]", "repeat: 3, expansion: [2.0, 3, 2.5]")
    spelled = spelled.replace("{op: conv_ffn, expansion: 2}", "{op: conv_ffn, repeat: 1, expansion: [2]}")
    spelled = spelled.replace("heads: 2, key_dim: 8", "heads: 2, key_dim: 8, stride: 1").replace(
        "tiny", "other"
    )
    assert read_architecture(write(tmp_path, spelled)).id == a.id
    changed = read_architecture(write(tmp_path, CLOSED.replace("width: 32", "width: 40")))
    assert changed.id != a.id


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "op: conv_ffn, expansion: 2",
            "op: conv_ffm, expansion: 2",
            ["a.yaml:12", "conv_ffm", "did you mean 'conv_ffn'"],
        ),
        ("width: 32", "width: wide", ["a.yaml:10", "stages.1.width", "expected an integer", "'wide'"]),
        ("width: 32", "width: 0", ["stages.1.width", "at least 1"]),
        ("expansion: 3,", "expanson: 3,", ["a.yaml:13", "expanson", "did you mean 'expansion'"]),
        ("expansion: [2, 3, 2.5]", "expansion: [2, 3]", ["a.yaml:8", "expected 3 values, got 2"]),
        ("distilled: true", "distilled: 1", ["head.distilled", "true or false"]),
        ("classes: 10", "klasses: 10", ["a.yaml:3", "klasses", "did you mean 'classes'"]),
        ("width: 16", "width: {choice: [16, 24]}", ["stages.0.width", "search space"]),
        ("stem: {op: conv_stem}\n", "", ["'stem' is missing"]),
        ("    width: 32", "\twidth: 32", ["a.yaml:10", "tab"]),
        ("classes: 10", "classes: 10\nclasses: 11", ["a.yaml:4", "twice"]),
    ],
)
def test_errors_name_the_place_and_what_to_do(tmp_path, old, new, expected):
    assert old in CLOSED
    with pytest.raises(InvalidArchitecture) as caught:
        read_architecture(write(tmp_path, CLOSED.replace(old, new)))
    message = str(caught.value)
    assert "\n" not in message
    for part in expected:
        assert part in message


def test_an_architecture_file_is_a_space_with_one_point(tmp_path):
    path = write(tmp_path, CLOSED)
    space = load_space(path)
    assert space.size == 1 and space.genes == ()
    import numpy as np

    assert space.decode(np.zeros(0, np.uint8)).id == read_architecture(path).id


def test_reopening_a_file_by_hand_gives_a_space(tmp_path):
    opened = CLOSED.replace(
        "repeat: 3, expansion: [2, 3, 2.5]", "repeat: {range: [2, 3]}, expansion: {choice: [2, 3, 2.5]}"
    )
    space = load_space(write(tmp_path, opened))
    assert space.size == 3**2 + 3**3
    closed = read_architecture(write(tmp_path, CLOSED, "c.yaml"))
    assert space.decode(space.encode(closed)).id == closed.id


def test_a_space_error_is_about_a_space(tmp_path):
    bad = CLOSED.replace("width: 16", "width: {choise: [16]}")
    with pytest.raises(InvalidSpace, match=r"stages\.0\.width.*choice"):
        load_space(write(tmp_path, bad))


def test_numbers_in_scientific_notation_are_numbers(tmp_path):
    from vitnas.arch.yaml_io import parse_yaml

    assert parse_yaml("a: 3.6e6\nb: 1e-3\nc: 12").data == {"a": 3.6e6, "b": 1e-3, "c": 12}
    text = textwrap.dedent(CLOSED).replace("classes: 10", "classes: 1e1")
    with pytest.raises(InvalidArchitecture, match="expected an integer"):
        read_architecture(write(tmp_path, text))
