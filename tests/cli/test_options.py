"""What a command takes: each option once, those of budgets from the table of figures."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from vitnas.cli import options as o

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
