from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from vitnas.cost.priced import Figures
from vitnas.cost.table import CostTable
from vitnas.errors import InvalidBudget, InvalidInput, UnknownName
from vitnas.searching.budget import Budget, check_budgets, parse_budgets, with_own_limits
from vitnas.searching.objectives import cost_of, is_maximised, resolve_objectives
from vitnas.searching.problem import SearchProblem
from vitnas.space.space import Space


def device(name: str, metric: str = "latency", **limits: float) -> Any:
    return SimpleNamespace(name=name, metric=metric, kind="fitted", dtype="float16", batch=1, limits=limits)


A, B = device("a"), device("b")
GPU, BOARD = device("gpu", "throughput"), device("board", "none", peak_bytes=320 * 1024.0)


@pytest.mark.parametrize(
    ("devices", "asked", "found"),
    [
        ((), (), ("quality", "macs", "params")),
        ((A,), (), ("quality", "latency", "params")),
        ((GPU,), (), ("quality", "throughput", "params")),
        ((BOARD,), (), ("quality", "macs", "params")),
        ((A, BOARD), (), ("quality", "latency@a", "params")),
        ((A, GPU), (), ("quality", "latency@a", "throughput@gpu")),
        ((A, B), ("quality", "latency"), ("quality", "latency@a", "latency@b")),
        ((A, B, GPU), ("latency",), ("latency@a", "latency@b")),
        ((A, B), ("params", "latency@b"), ("params", "latency@b")),
        ((A,), ("latency@a", "quality"), ("latency", "quality")),
        ((A, B), ("memory", "quality"), ("memory", "quality")),
        ((A, B), ("memory@b", "quality"), ("memory@b", "quality")),
    ],
)
def test_objectives_are_resolved_for_the_devices(
    devices: tuple[Any, ...], asked: tuple[str, ...], found: tuple[str, ...]
) -> None:
    assert resolve_objectives(asked, Figures(devices)) == found


@pytest.mark.parametrize(
    ("devices", "asked", "said"),
    [
        ((), ("latency",), "latency needs a device: name one with `target`"),
        ((), ("throughput",), "throughput needs a device"),
        ((A,), ("latecy",), "unknown objective 'latecy'; did you mean 'latency'?"),
        ((A, B), ("latency@c",), "`objectives` latency@c: unknown target 'c'"),
        ((A, B), ("latency", "latency@a"), "an objective stands twice in latency, latency@a"),
        ((GPU,), ("latency",), "gpu holds throughput, not latency; take the objective throughput"),
        (
            (A, GPU),
            ("throughput@a",),
            "a holds latency, not throughput; take the objective latency or `max_l",
        ),
        ((BOARD,), ("latency",), "board holds limits only, not latency; choose another device"),
        ((A, B), ("params@a",), "'params' is the same on every device; leave 'a' out"),
        ((A,), ("quality@a",), "'quality' is the same on every device"),
    ],
)
def test_what_no_device_holds_is_one_line(
    devices: tuple[Any, ...], asked: tuple[str, ...], said: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        resolve_objectives(asked, Figures(devices))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_names_of_objectives_and_figures() -> None:
    assert cost_of("latency@a") == "latency_ms@a"
    assert cost_of("throughput") == "throughput_per_s"
    assert cost_of("quality") == ""
    assert [n for n in ("quality", "throughput@gpu", "latency@a", "params") if is_maximised(n)] == [
        "quality",
        "throughput@gpu",
    ]


def test_throughput_enters_negated_and_comes_back(small_space: Space) -> None:
    problem = SearchProblem(CostTable.build(small_space), (), ("quality", "throughput@gpu", "params"))
    costs: Any = {"throughput_per_s@gpu": np.array([5.0, 6.0]), "params": np.array([1.0, np.nan])}
    matrix = problem.matrix(costs, np.array([0.5, 0.6]))
    assert matrix[0].tolist() == [-0.5, -5.0, 1.0]
    assert np.isnan(matrix[1]).all()
    assert problem.natural(matrix)[0].tolist() == [0.5, 5.0, 1.0]


def limits(option: str, text: str, *devices: Any) -> dict[str, float]:
    return {b.cost: b.limit for b in parse_budgets(option, text, Figures(devices))}


def test_budgets_hold_on_all_devices_or_on_each() -> None:
    assert limits("max-latency", "1.6ms", A) == {"latency_ms": 1.6}
    assert limits("max-latency", "1.6ms", A, B, GPU) == {"latency_ms@a": 1.6, "latency_ms@b": 1.6}
    assert limits("max-latency", "a=1.6ms, b=900us", A, B) == {"latency_ms@a": 1.6, "latency_ms@b": 0.9}
    assert limits("max-latency", "b=3", A, B) == {"latency_ms@b": 3.0}
    assert limits("max-latency", "a=3", A) == {"latency_ms": 3.0}
    assert limits("min-throughput", "5k/s", A, GPU) == {"throughput_per_s@gpu": 5000.0}
    assert limits("max-activation-memory", "2MB", A, BOARD) == {"peak_bytes": 2e6}
    assert limits("max-activation-memory", "a=2MB", A, BOARD) == {"peak_bytes@a": 2e6}
    assert limits("max-params", "3M") == {"params": 3e6}


@pytest.mark.parametrize(
    ("option", "text", "devices", "error", "said"),
    [
        ("max-latency", "1ms", (), InvalidInput, "latency needs a device"),
        ("max-latency", "1ms", (GPU,), InvalidInput, "`max_latency`: gpu holds throughput, not latency"),
        ("min-throughput", "5k", (A,), InvalidInput, "a holds latency, not throughput"),
        ("max-latency", "1ms", (BOARD,), InvalidInput, "board holds limits only"),
        (
            "max-latency",
            "aa=1ms",
            (A, B),
            UnknownName,
            "`max_latency`: unknown target 'aa'; did you mean 'a'?",
        ),
        ("max-latency", "a=1ms,2ms", (A, B), InvalidBudget, "'2ms' is no DEVICE=LIMIT"),
        ("max-latency", "a=", (A, B), InvalidBudget, "'a=' is no DEVICE=LIMIT"),
        ("max-latency", "a=1,6ms", (A, B), InvalidBudget, "'6ms' is no DEVICE=LIMIT"),
        ("max-latency", "1,6ms", (A, B), InvalidBudget, "'1,6ms' has a comma"),
        ("min-throughput", "5ms", (GPU,), InvalidBudget, "unknown unit 'ms'"),
    ],
)
def test_wrong_budgets_are_one_line(
    option: str, text: str, devices: tuple[Any, ...], error: type[Exception], said: str
) -> None:
    with pytest.raises(error) as caught:
        parse_budgets(option, text, Figures(devices))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_limit_twice_for_one_device_is_refused() -> None:
    with pytest.raises(InvalidBudget, match="`max_latency` is given twice for a"):
        check_budgets(parse_budgets("max-latency", "a=1ms,a=2ms", Figures((A, B))))


def test_a_lower_limit_is_held() -> None:
    (budget,) = parse_budgets("min-throughput", "100", Figures((GPU,)))
    assert str(budget) == "throughput_per_s >= 100/s"
    assert budget.excess(np.array([50.0, 100.0, 200.0])).tolist() == [0.5, 0.0, 0.0]


def test_a_devices_own_limits_are_budgets_unless_the_user_sets_them() -> None:
    own = {b.cost: (b.limit, b.device) for b in with_own_limits((), Figures((BOARD,)))}
    assert own == {"peak_bytes": (327680.0, "board")}
    (both,) = with_own_limits((), Figures((A, BOARD)))
    assert str(both) == "peak_bytes@board <= 320.0 KiB (limit of board)"
    for asked in (Budget("peak_bytes", 1e6), Budget("peak_bytes@board", 1e6)):
        assert with_own_limits((asked,), Figures((A, BOARD))) == (asked,)
    other = Budget("peak_bytes@a", 1e6)
    assert with_own_limits((other,), Figures((A, BOARD))) == (other, both)
    at_least = Budget("peak_bytes", 1e5, at_least=True)
    assert len(with_own_limits((at_least,), Figures((BOARD,)))) == 2


def test_the_smaller_of_two_devices_limits_on_one_figure_stays() -> None:
    devices = (device("large", params=9e6), device("little", params=2e6))
    (budget,) = with_own_limits((), Figures(devices))
    assert (budget.cost, budget.limit, budget.device) == ("params", 2e6, "little")
