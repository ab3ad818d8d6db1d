"""What a command takes: each option once, those of budgets from the table of figures."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable

import pytest

from vitnas.api import inputs
from vitnas.cli import options as o
from vitnas.cli.main import main
from vitnas.errors import InvalidInput
from vitnas.searching.config import SearchConfig

Run = Callable[..., tuple[int, str, str]]
FIGURE = """
from vitnas.figures import FIGURES, Axis, Figure
from vitnas.units import COUNT
FIGURES["kernels"] = Figure(
    "kernels", "kernels", "kernels", "Kernels of an image", COUNT, "a number", "90", Axis("kernels"),
    of_trace=lambda trace: len(trace.kernels),
)
from vitnas.cli.main import main
main(["search", "--help"])
"""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("search", "--space", "vit", "--space", "pit"), "--space is given twice"),
        (("search", "--space", "vit", "--max-latency", "1ms", "--max-latency=2ms"), "--max-latency is given"),
        (("score", "vit:deit_tiny", "--seed", "1", "--seed", "1"), "--seed is given twice"),
        (("label", "runs/x", "-n", "3", "--count", "4"), "--count is given twice"),
        (("spaces", "open", "vit:deit_tiny", "--radius", "1", "--radius", "2"), "--radius is given twice"),
        (("proxies", "check", "--space", "a", "--truth", "b", "--limit", "9", "--limit", "8"), "--limit is"),
    ],
)
def test_an_option_with_one_value_is_given_once(run: Run, arguments: tuple[str, ...], says: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert says in err


def test_devices_may_be_repeated(run: Run) -> None:
    _, _, err = run("score", "vit:deit_tiny", "--target", "iphone12", "--target", "iphone13x")
    assert "unknown" in err and "iphone13x" in err
    code, out, _ = run("score", "vit:deit_tiny", "--target", "iphone12", "--target", "rtx4090")
    assert code == 0
    assert "iphone12" in out and "rtx4090" in out


def test_every_figure_has_a_budget_on_either_side() -> None:
    names = [option.name for option in o.budget_options()]
    assert names[:5] == ["max_latency", "min_throughput", "max_params", "max_macs", "max_activations"]
    assert {"min_params", "max_throughput", "min_activation_memory"} < set(names)


def test_a_new_figure_is_an_option_and_an_objective() -> None:
    done = subprocess.run([sys.executable, "-c", FIGURE], capture_output=True, text=True, check=True)
    assert "--max-kernels NUMBER" in done.stdout
    assert "--min-kernels NUMBER" in done.stdout
    assert "memory, kernels; repeat" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("search", "--space", "tiny", "--batch", "1_0"), "--batch: '1_0' is no number"),
        (("search", "--space", "tiny", "--front", "1,5"), "--front: '1,5' is no number"),
        (("search", "--space", "tiny", "--learning-rate", "nan"), "--learning-rate: 'nan' is no number"),
        (("search", "--space", "tiny", "--trials", "1,5k"), "--trials: '1,5k' has a comma"),
        (("search", "--space", "vit", "--dry-run", "--max-params", "1__3"), "'1__3' is not a number"),
        (("search", "--space", "tiny", "--random-arm", "--no-random-arm"), "is given twice"),
        (("spaces", "open", "x.yaml", "--radius", "\u0661"), "--radius: '\u0661' is no number"),
    ],
)
def test_numbers_are_written_as_people_write_them(arguments, said, capsys):
    with pytest.raises(SystemExit) as exit_code:
        main(list(arguments))
    assert exit_code.value.code == 2
    assert said in capsys.readouterr().err


def test_a_limit_without_a_unit_says_how_it_is_read():
    with pytest.warns(UserWarning, match="`max_latency` 1.6 has no unit and is read as 1.60 ms"):
        assert inputs.limit("max_latency", "phone=1.6,other=2ms") == "phone=1.6,other=2ms"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert inputs.limit("max_latency", 1.6) == "1.6", "a number of Python's is in the base unit"
        assert inputs.limit("max_params", "13000000") and inputs.limit("max_latency", "1.6ms")


def test_a_time_without_a_unit_says_how_it_is_read():
    with pytest.warns(UserWarning, match="`time` 90 has no unit and is read as 90 s"):
        assert inputs.seconds("time", "90") == 90
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert inputs.seconds("time", 90) == inputs.seconds("time", "1m30s") == 90


@pytest.mark.parametrize(
    "given", [{"max-latency": "5ms"}, (("max-latency", "5ms"),), [["max-latency", "5ms"]]]
)
def test_budgets_of_a_config_in_every_usual_form(given):
    assert SearchConfig("tiny", budgets=given).budgets == (("max-latency", "5ms"),)
    assert SearchConfig("tiny", budgets={"max-latency": 5.0}).budgets == (("max-latency", "5.0"),)
    for wrong in ("abc", [("max-latency",)], {"max-latency": None}, {"max-latency": True}):
        with pytest.raises(InvalidInput, match="`budgets`"):
            SearchConfig("tiny", budgets=wrong)
