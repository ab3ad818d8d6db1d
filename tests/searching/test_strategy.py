"""The base class of strategies: defaults, and options that are checked."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from vitnas import plugins
from vitnas.errors import InvalidInput, PluginError, UnknownName
from vitnas.searching.strategy import Option, Strategy, load_strategy

PROBLEM: Any = SimpleNamespace(space=SimpleNamespace(genes=(0, 0, 0)))


class Base(Strategy):
    """One."""

    rate = Option(0.5, "a rate", least=0, most=1)
    kind = Option("near", "a kind", choices=("near", "far"))


class Derived(Base):
    """Two."""

    size = Option(2, "a size", least=1)
    rate = Option(0.25, "another default", least=0)
    is_greedy = Option(False, "a switch")


def test_what_a_class_does_not_say_has_a_default() -> None:
    strategy = Strategy(PROBLEM, 3, population=7)
    assert (strategy.batch, strategy.trials, strategy.max_trials) == (None, None, None)
    assert not (strategy.takes_late or strategy.counts_repeats or strategy.learns_parts)
    assert strategy.state() is None and strategy.options() == {}
    assert strategy.choice().shape == (0, 3)
    assert (strategy.problem, strategy.population) == (PROBLEM, 7)
    assert strategy.rng.random() == np.random.default_rng([3, Strategy.stream]).random()


def test_options_read_as_values() -> None:
    assert list(Derived.options()) == ["rate", "kind", "size", "is_greedy"]
    own = Derived(PROBLEM, 0)
    assert (own.rate, own.kind, own.size, own.is_greedy) == (0.25, "near", 2, False)
    given = Derived(PROBLEM, 0, rate=1, kind="far", size=3, is_greedy=True)
    assert (given.rate, given.kind, given.size, given.is_greedy) == (1.0, "far", 3, True)
    assert isinstance(given.rate, float)
    assert (Derived(PROBLEM, 0).rate, Base(PROBLEM, 0).rate) == (0.25, 0.5)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"size": 2.5}, "size: expected an integer, got 2.5"),
        ({"size": "two"}, "size: expected an integer, got 'two'"),
        ({"size": True}, "size: expected an integer, got True"),
        ({"size": 0}, "size: expected at least 1, got 0"),
        ({"rate": "fast"}, "rate: expected a number, got 'fast'"),
        ({"rate": float("nan")}, "rate: expected a number, got nan"),
        ({"is_greedy": 1}, "is_greedy: expected true or false, got 1"),
        ({"kind": "nearer"}, "kind: expected one of near, far, got 'nearer'"),
        (
            {"siz": 3},
            "unknown option of Derived 'siz'; did you mean 'size'? (known: is_greedy, kind, rate, size)",
        ),
    ],
)
def test_a_wrong_option_says_what_is_wrong(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Derived(PROBLEM, 0, **given)
    assert str(caught.value) == f"`strategy_options`: {said}"


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        Base.read_options({"rate": 2, "color": 1, "kind": "far"})
    wrong = "rate: expected at most 1, got 2.0; unknown option of Base 'color' (known: kind, rate)"
    assert str(caught.value) == f"`strategy_options`: {wrong}"


@pytest.mark.parametrize(
    ("trials", "most", "of_quality", "expected"),
    [(None, None, 300, 300), (500, None, 32, 500), (None, 1000, 300, 300), (None, 1000, 2_000_000, 1000)],
)
def test_default_trials(trials: int | None, most: int | None, of_quality: int, expected: int) -> None:
    class Own(Strategy):
        pass

    Own.trials, Own.max_trials = trials, most
    assert Own.default_trials(of_quality) == expected


def test_a_file_must_hold_a_strategy(tmp_path: Path) -> None:
    own = tmp_path / "greedy.py"
    own.write_text("class Greedy:\n    def ask(self, n): ...\n")
    plugins.ask(str(own))
    with pytest.raises(PluginError, match=r"greedy\.py\) must derive from vitnas\.strategies\.Strategy"):
        load_strategy(str(own))
    base = "from vitnas.strategies import Strategy\n"
    own.write_text(base + "class Greedy(Strategy):\n    def ask(self, n): ...\n")
    with pytest.raises(PluginError, match=r"^strategy 'greedy' .* must have the method 'tell'$"):
        load_strategy(str(own))
    with pytest.raises(UnknownName, match="did you mean 'random'"):
        load_strategy("randm")


def test_names_decide_nothing() -> None:
    """What `vitnas search` does without --trials and how many it asks for at once stands in the classes."""
    defaults = {
        name: (cls.default_trials(2_000_000), cls.default_trials(300), cls.batch)
        for name in ("evolution", "optuna-tpe", "optuna-gp", "optuna-nsga2", "reinforce")
        for cls in [load_strategy(name)]
    }
    optuna = (1000, 300, 10)
    assert defaults == {
        "evolution": (2_000_000, 300, None),
        "optuna-tpe": optuna,
        "optuna-gp": optuna,
        "optuna-nsga2": optuna,
        "reinforce": (500, 500, None),
    }
