"""What an operator's arguments mean: by its own word, or by the names of the convention."""

from __future__ import annotations

import numpy as np
import pytest

from vitnas.arch.operators import ROLES, arguments, meanings
from vitnas.errors import UnknownName
from vitnas.plugins import list_plugins
from vitnas.quality.genomes.resources import attention_width_of, expansion_of, stage_resources
from vitnas.space.files import load_space

BLOCK = """
from vitnas.ops.transformer_block import TransformerBlock as Ours

class {name}(Ours):
    {roles}

    def __init__(self, inputs, width, *, ratio: float = 4.0, n_heads: int = 3, drop_path: float = 0.0):
        super().__init__(inputs, width, expansion=ratio, heads=n_heads, drop_path=drop_path)
"""
SAID = 'roles = {"ratio": "expansion", "n_heads": "heads"}'


@pytest.fixture
def operators(tmp_path, monkeypatch):
    """``told`` says what its arguments mean, ``silent`` does not."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ops").mkdir()
    for name, roles in (("told", SAID), ("silent", "roles = {}")):
        (tmp_path / "ops" / f"{name}.py").write_text(BLOCK.format(name=name.capitalize(), roles=roles))
    return tmp_path


def space(op: str, expansion: str, heads: str):
    block = {"op": op, "repeat": {"range": [2, 3]}, expansion: {"choice": [2, 4]}, heads: {"choice": [2, 3]}}
    return load_space(
        {
            "name": "plain",
            "input": {"channels": 3, "resolution_px": 32},
            "classes": 10,
            "stem": {"op": "patch_embed", "patch_px": 8},
            "stages": [{"width": {"choice": [96, 192]}, "blocks": [block]}],
            "head": {"op": "token_classifier"},
        }
    )


@pytest.mark.parametrize("op", list_plugins("operator"))
def test_every_argument_of_a_block_has_a_role_that_there_is(op):
    for name, argument in arguments(op).items():
        assert argument.role in {*ROLES, ""}, name
    if op.endswith(("block", "ffn", "mlp", "mixer")):
        assert all(argument.role for name, argument in arguments(op).items() if name != "stride")


def test_arguments_of_any_name_are_understood(operators):
    given = {"ratio": 2.5, "n_heads": 5}
    assert meanings("told", given) == {"expansion": 2.5, "heads": 5}
    assert (expansion_of("told", given, 64), attention_width_of("told", given, 64)) == (2.5, 64.0)
    assert (expansion_of("silent", given, 64), attention_width_of("silent", given, 64)) == (0.0, 0.0)


def test_resources_are_those_of_the_operator_with_the_usual_names(operators):
    ours, told = space("split_head_block", "expansion", "heads"), space("told", "ratio", "n_heads")
    genomes = ours.sample(50, np.random.default_rng(0))
    for one, other in zip(stage_resources(ours), stage_resources(told), strict=True):
        assert one.name == other.name
        if one.kind != "attention":
            np.testing.assert_array_equal(one.values(genomes), other.values(genomes))
    varying = {r.kind for r in stage_resources(told) if r.varies}
    assert varying == {"depth", "width", "expansion", "attention"}
    assert {r.kind for r in stage_resources(space("silent", "ratio", "n_heads")) if r.varies} == {
        "depth",
        "width",
    }


@pytest.mark.parametrize(
    ("roles", "said"),
    [
        ('roles = {"ratio": "expnsion"}', "argument 'ratio'"),
        ('roles = {"ration": "expansion"}', "did you mean 'ratio'"),
    ],
)
def test_a_wrong_role_is_named(operators, roles, said):
    (operators / "ops" / "wrong.py").write_text(BLOCK.format(name="Wrong", roles=roles))
    with pytest.raises(UnknownName) as found:
        arguments("wrong")
    assert "operator 'wrong'" in str(found.value) and said in str(found.value)
    assert "did you mean" in str(found.value)
