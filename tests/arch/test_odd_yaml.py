"""Documents that YAML's versions read differently, that never end, or hold absurd numbers: one error each."""

from __future__ import annotations

import re

import pytest

from vitnas.arch.schema import from_source
from vitnas.arch.yaml_io import dump_yaml, parse_yaml
from vitnas.errors import InvalidArchitecture, InvalidInput
from vitnas.space.files import load_space
from vitnas.space.space import Space
from vitnas.units import shortened

SPACE = """\
name: tiny
input: {channels: 3, resolution_px: 32}
classes: 10
stem: {op: conv_stem}
stages:
  - width: {range: [8, 32, 4]}
    blocks:
      - {op: conv_ffn, repeat: {range: [1, 2]}, expansion: {choice: [1, 2, 3]}}
head: {op: pooled_classifier}
"""
TWO_WAYS = [
    "020",
    "08",
    "-07",
    "1:20",
    "1:20:30.5",
    "no",
    "Yes",
    "OFF",
    "on",
    "1_000",
    "1_0.5",
    "0o17",
    "0b11",
]
PLACES = {
    "plain": ("classes: 10", "classes: {}"),
    "choice": ("[1, 2, 3]", "[1, {}]"),
    "range": ("[8, 32, 4]", "[8, {}, 4]"),
    "operator": ("op: conv_stem", "op: {}"),
    "name": ("name: tiny", "name: {}"),
    "recipe": ("name: tiny", "name: tiny\nrecipe: {{a: {}}}"),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("text", TWO_WAYS)
def test_what_the_versions_read_differently_is_refused_everywhere(place, text):
    old, new = PLACES[place]
    assert old in SPACE
    with pytest.raises(InvalidInput, match=rf"^f\.yaml:\d+: '{re.escape(text)}' is read differently"):
        parse_yaml(SPACE.replace(old, new.format(text), 1), "f.yaml")


@pytest.mark.parametrize(
    "text", [*TWO_WAYS, "1e3", "123e12345678", "true", "~", "", ".nan", "1.10", "2024-01-01"]
)
def test_texts_that_look_like_something_else_are_written_in_quotes(text):
    assert parse_yaml(dump_yaml({"a": text})).data == {"a": text}


def test_scalars_of_the_core_schema():
    text = "[20, -3, 0x1F, 1e3, .5, 5., 3.6e6, true, False, null, ~, 2024-01-01, y, 1.2.3, 'no', \"020\"]"
    said = [20, -3, 31, 1000, 0.5, 5, 3.6e6, True, False, None, None, "2024-01-01", "y", "1.2.3", "no", "020"]
    assert parse_yaml(text).data == said
    assert parse_yaml("{no: 1, 5: 2, 1.10: 3}").data == {"no": 1, "5": 2, "1.10": 3}, "keys are texts"


LAUGHS = "a0: &a0 [1]\n" + "".join(f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]\n" for k in range(1, 11))
ODD = {
    LAUGHS: "more than 100,000 values",
    "a: &a [*a]": "an alias stands inside of what it stands for",
    "a: &a {b: {c: *a}}": "an alias stands inside of what it stands for",
    "[" * 5000: "nested too deeply",
    "[" * 100 + "]" * 100: "nested more than 60 levels deep",
    "a: \x1b[2J": "control character U+001B",
    "a: \x00": "control character U+0000",
    "a: !!python/name:os.system ''": "tags such as",
    "a: !!binary aGk=": "tags such as",
    "<<: {a: 1}": "merge keys",
    "? [a]\n: 1": "a key is a text",
    "a: .inf": "no finite number",
    "a: 1e999": "no finite number",
    f"a: {'9' * 5000}": "a number of 5000 characters",
    "a: 1\na: 2": "the key 'a' stands here twice",
    "a: 1\n--- \nb: 2": "another document",
}


@pytest.mark.parametrize(("text", "said"), ODD.items(), ids=range(len(ODD)))
def test_what_no_document_needs_is_refused_with_its_line(text, said):
    with pytest.raises(InvalidInput, match=re.escape(said)) as caught:
        parse_yaml(text, "f.yaml")
    assert str(caught.value).startswith("f.yaml") and len(str(caught.value)) < 200


CHANGES = {
    "classes: 10": [
        "1000000000000",
        "100000000000000000000000",
        ".nan",
        "10.5",
        "'10'",
        "true",
        "[10]",
        "-1",
    ],
    "resolution_px: 32": ["1000000000", "0", ".nan", "1e5", "true"],
    "channels: 3": ["1000000000", "0", "{choice: [.nan]}"],
    "[8, 32, 4]": ["[8, .nan]", "[.nan, 8]", "[8, 1e30]", "[8, 32, 1e-9]", "[8, 100000000000000000000]", "8"],
    "[1, 2, 3]": ["[.nan, 2]", "[1.0e+30]", "[1, [2]]", "[1, ~]", "[]", "3", "[true]"],
    "{range: [1, 2]}": ["1000000000", "-1", "{choice: [1, 1000000]}", "2001", "{var: [a]}", "{var: ~}"],
    "name: tiny": ["1.10", "true", "[a]", "~"],
    "head:": [
        f"{key}: {value}\nhead" for key in ("recipe", "columns", "references") for value in ("hello", "3")
    ],
}


@pytest.mark.parametrize(("old", "new"), [(old, new) for old, several in CHANGES.items() for new in several])
def test_numbers_that_no_network_has_and_notes_of_other_types(old, new):
    key, colon, _ = old.partition(": ")
    new = f"{new}:" if old == "head:" else f"{key}{colon}{new}" if colon and "[" not in old else new
    with pytest.raises(InvalidInput, match=r"^f\.yaml:\d+: \S"):
        Space.read(parse_yaml(SPACE.replace(old, new, 1), "f.yaml"))


def test_facts_of_published_networks_are_numbers_and_texts():
    for fact in (
        "top1: high",
        "params: [1]",
        "latency_ms: 3",
        "latency_ms: {a: fast}",
        "source: 3",
        "recipe: x",
    ):
        text = f"{SPACE}references:\n  one:\n    genes: {{}}\n    {fact}\n"
        with pytest.raises(InvalidInput, match=r"^f\.yaml:13: references\.one\."):
            Space.read(parse_yaml(text, "f.yaml"))


def test_a_space_of_more_points_than_a_float_holds():
    text = SPACE.replace("{range: [1, 2]}", "1000")
    size = Space.read(parse_yaml(text)).size
    assert size == 7 * 3**1000 and shortened(size) == "9.25e+477"


def test_columns_are_checked_when_a_space_is_read(tmp_path):
    for columns in ("{genes: 3}", "{genes: {a: nothing}}", "{where: x}", "{group: [a]}", "{unknown: 1}"):
        (tmp_path / "s.yaml").write_text(f"{SPACE}columns: {columns}\n")
        with pytest.raises(InvalidInput, match="columns"):
            load_space(tmp_path / "s.yaml")


def test_an_architecture_is_refused_by_the_same_rules():
    closed = SPACE.replace("{range: [8, 32, 4]}", "020").replace("{range: [1, 2]}", "1")
    with pytest.raises(InvalidInput, match="read differently"):
        from_source(parse_yaml(closed, "f.yaml"))
    closed = closed.replace("020", "1000000000").replace("{choice: [1, 2, 3]}", "1")
    with pytest.raises(InvalidArchitecture, match=r"f\.yaml:6: stages\.0\.width: .* at most"):
        from_source(parse_yaml(closed, "f.yaml", InvalidArchitecture))
