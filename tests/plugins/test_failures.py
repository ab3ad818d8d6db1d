"""Whatever a plug-in does wrong is one error that names it."""

from __future__ import annotations

import numpy as np
import pytest

from vitnas import plugins
from vitnas.arch.build import build, build_op, features_of
from vitnas.arch.features import Features
from vitnas.arch.operators import arguments
from vitnas.arch.schema import Architecture
from vitnas.cost.pricer import price_architecture
from vitnas.cost.table import CostTable
from vitnas.errors import PluginError
from vitnas.run.search import run_search
from vitnas.searching.config import SearchConfig
from vitnas.space.files import load_space

TOKENS = Features(24, 4, tokens=True, extra_tokens=1)
SPACE = """
name: mine
description: one operator of the user's
input: {channels: 3, resolution_px: 32}
classes: 10
stem: {op: patch_embed, patch_px: 8}
stages:
- width: {choice: [24, 48]}
  blocks:
  - {op: mine, repeat: 1}
head: {op: token_classifier}
"""

NO_CLASS = "must define the class 'Mine', for that is its file's name"


def operator(
    forward: str = "return x", init: str = "super().__init__()", given: str = "inputs, width"
) -> str:
    return f'''
from torch import Tensor, nn

class Mine(nn.Module):
    """One line."""

    def __init__(self, {given}):
        {init}

    def forward(self, x: Tensor) -> Tensor:
        {forward}
'''


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import nowhere", ":1) cannot be imported: ModuleNotFoundError: No module named 'nowhere'"),
        ("\n\ndef f(:", ":3) cannot be imported: SyntaxError: invalid syntax"),
        ("raise SystemExit(3)", ":1) cannot be imported: SystemExit: 3"),
        ("x = {}['key']", ":1) cannot be imported: KeyError: 'key'"),
        ("class Other: ...", f") {NO_CLASS}; it defines Other"),
        ("", f") {NO_CLASS}"),
    ],
)
def test_what_cannot_be_imported(write, text, said):
    write("ops/mine.py", text)
    with pytest.raises(PluginError) as caught:
        plugins.load_plugin("operator", "mine")
    assert str(caught.value) == f"operator 'mine' (./ops/mine.py{said}"


def test_what_is_no_text(write, tmp_path):
    write("ops/mine.py", "")
    (tmp_path / "ops" / "mine.py").write_bytes(b"\xff\xfe")
    with pytest.raises(PluginError, match="cannot be read: UnicodeDecodeError"):
        plugins.load_plugin("operator", "mine")
    assert "cannot be read" in plugins.list_plugins("operator")["mine"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("inputs, width, *sizes: int", "each argument by its name, not (inputs, width, *sizes: int)"),
        ("width, *, kernel_px: int = 3", "must have __init__(self, inputs: Features, width: int, *, ...)"),
        ("inputs, width, *, a: list = []", "must annotate 'a' as int, float, bool, str or Literal"),
        ("inputs, width, *, a: 'Size' = 1", "cannot be read: NameError: name 'Size' is not defined"),
    ],
)
def test_a_constructor_that_no_file_can_call(write, given, said):
    write("ops/mine.py", operator(given=given))
    with pytest.raises(PluginError) as caught:
        arguments("mine")
    assert str(caught.value).startswith("operator 'mine' (./ops/mine.py")
    assert said in str(caught.value)


def test_an_argument_needs_no_star(write):
    write("ops/mine.py", operator(given="inputs, width, kernel_px: int = 3"))
    assert arguments("mine")["kernel_px"].default == 3


FAILING = [
    (operator("return x + x[:, :3]"), 11, "RuntimeError: "),
    (operator("return x if x.sum() > 0 else -x"), 11, ""),  # control flow on data
    (operator("return self.conv(x)"), 11, "AttributeError: 'Mine' object has no attribute 'conv'"),
    (operator(init="super().__init__(); 1 / 0"), 8, "ZeroDivisionError: division by zero"),
]


@pytest.mark.parametrize(("text", "line", "said"), FAILING)
def test_what_raises_names_file_line_block_and_input(write, text, line, said):
    write("ops/mine.py", text)
    space = load_space(write("search_spaces/mine.yaml", SPACE))
    architecture = space.decode(space.sample(1, np.random.default_rng(0))[0])
    width = architecture.stages[0].width
    shown = f"operator 'mine' (./ops/mine.py:{line}) fails on tokens (1, 17, {{}}), width {{}}: {said}"
    with pytest.raises(PluginError) as caught:
        CostTable.build(space)
    assert str(caught.value).startswith("mine: stages.0.blocks.0[0]: " + shown.format(24, 24))
    assert caught.value.__cause__ is not None
    assert "\n" not in str(caught.value)
    for run in (build, price_architecture):
        with pytest.raises(PluginError) as caught:
            run(architecture)
        assert str(caught.value).startswith("stages.0.blocks[0]: " + shown.format(width, width))


def test_a_head_that_raises_is_named_too(write):
    write("ops/mine.py", operator("return x.nothing"))
    document = {
        "name": "a",
        "input": {"channels": 3, "resolution_px": 32},
        "classes": 10,
        "stem": {"op": "patch_embed", "patch_px": 8},
        "stages": [{"width": 24, "blocks": []}],
        "head": {"op": "mine"},
    }
    with pytest.raises(
        PluginError, match=r"^operator 'mine' \(./ops/mine.py:11\) fails on tokens \(1, 17, 24\)"
    ):
        price_architecture(Architecture.from_dict(document))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            operator("return x, x"),
            "must give tokens (B, N, C) or a square map (B, C, H, H), not something else",
        ),
        (operator("return x[:, 0]"), "not (1, 24)"),
        (operator("return x.reshape(1, 24, 17, 1)"), "not (1, 24, 17, 1)"),
    ],
)
def test_what_gives_no_features(write, text, said):
    from vitnas.arch.build import output_features

    write("ops/mine.py", text)
    with pytest.raises(PluginError) as caught:
        output_features("mine", TOKENS, 24, ())
    assert said in str(caught.value)


def test_what_is_no_module(write):
    write("ops/mine.py", "class Mine:\n    def __init__(self, inputs, width): ...")
    with pytest.raises(PluginError, match=r"operator 'mine' \(./ops/mine.py\) must be a torch.nn.Module"):
        build_op("mine", TOKENS, 24, {})


def test_our_own_errors_pass(write):
    from vitnas.errors import InvalidArchitecture

    text = "from vitnas.errors import InvalidArchitecture\n" + operator(
        init="super().__init__(); raise InvalidArchitecture('no')"
    )
    write("ops/mine.py", text)
    with pytest.raises(InvalidArchitecture, match=r"^no$"):
        build_op("mine", TOKENS, 24, {})


def test_an_exception_is_blamed_on_the_plugin_that_it_came_out_of(write):
    write("strategies/mine.py", "class Mine:\n    def ask(self, n):\n        return [][n]")
    strategy = plugins.load_plugin("strategy", "mine")()
    said = r"strategy 'mine' \(./strategies/mine.py:3\) fails: IndexError"
    with pytest.raises(PluginError, match=said), plugins.blaming():
        strategy.ask(1)
    with pytest.raises(KeyError), plugins.blaming():
        raise KeyError("a defect of ours")


@pytest.mark.parametrize(
    ("shape", "inputs", "expected"),
    [
        ((1, 9, 8), Features(8, 2, tokens=True, extra_tokens=5), Features(8, 2, tokens=True, extra_tokens=5)),
        ((1, 6, 8), Features(8, 2, tokens=True, extra_tokens=5), Features(8, 1, tokens=True, extra_tokens=5)),
        (
            (1, 10, 8),
            Features(8, 3, tokens=True, extra_tokens=5),
            Features(8, 3, tokens=True, extra_tokens=1),
        ),
        ((1, 17, 8), Features(3, 32), Features(8, 4, tokens=True, extra_tokens=1)),
        ((1, 9, 8), None, Features(8, 3, tokens=True)),
        ((1, 8, 3, 3), Features(8, 3), Features(8, 3)),
    ],
)
def test_extra_tokens_are_those_that_came_in(shape, inputs, expected):
    assert features_of(shape, inputs) == expected


def test_a_search_in_python_raises_it_from_what_the_strategy_raised(write, tmp_path):
    head = "from vitnas.strategies import Strategy\nclass Mine(Strategy):\n"
    methods = "    def ask(self, n):\n        return 1 / 0\n    def tell(self, batch): ...\n"
    write("strategies/mine.py", head + methods)
    said = r"^strategy 'mine' \(./strategies/mine.py:4\) fails: ZeroDivisionError"
    with pytest.raises(PluginError, match=said) as caught:
        run_search(SearchConfig("tiny32", strategy="mine", trials=3))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert not any((tmp_path / "runs").iterdir())
