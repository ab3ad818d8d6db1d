"""One entry in the table of figures is a cost everywhere: no other place is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console

from vitnas.cost.priced import Figures
from vitnas.cost.pricer import price_architecture
from vitnas.figures import FIGURES, Axis, Figure, format_quantity, parse_quantity
from vitnas.report.terminal.axes import axis_of
from vitnas.report.terminal.dry_run_table import dry_run_table
from vitnas.report.terminal.score_tables import score_tables
from vitnas.report.terminal.tables import front_table
from vitnas.run.dry_run import dry_run
from vitnas.run.search import run_search
from vitnas.scoring import score
from vitnas.searching.config import SearchConfig
from vitnas.searching.objectives import is_maximised, resolve_objectives
from vitnas.space.files import load_space
from vitnas.units import BYTES, COUNT

FLASH = Figure(
    *("flash_bytes", "flash", "flash"),
    about="Flash memory that weights take",
    quantity=BYTES,
    units="kB or MB",
    example="2MB",
    axis=Axis("flash", "KiB", 2.0**10, 1),
    of_call=lambda costs, call: costs["params"] * call.bytes_per_element,
)
KERNELS = Figure(
    *("kernels", "kernels", "kernels"),
    about="Kernels of one image's way",
    quantity=COUNT,
    units="a number",
    example="100",
    axis=Axis("kernels", decimals=0),
    of_trace=lambda trace: len(trace.kernels),
)


@pytest.fixture
def extra(folder: Any) -> Iterator[None]:
    FIGURES.update({figure.key: figure for figure in (FLASH, KERNELS)})
    yield
    for figure in (FLASH, KERNELS):
        del FIGURES[figure.key]


def shown(what: Any) -> str:
    console = Console(width=160, record=True)
    with console.capture() as text:
        console.print(what)
    return text.get()


def test_an_entry_has_units_an_objective_and_an_axis(extra: None) -> None:
    assert parse_quantity("flash_bytes@board", "2kB") == 2000
    assert format_quantity("flash_bytes", 4096) == "4.0 KiB"
    assert resolve_objectives(("quality", "flash", "kernels"), Figures()) == ("quality", "flash", "kernels")
    assert not is_maximised("flash")
    assert axis_of("flash@board").label == "flash board KiB"


def test_an_entry_is_priced_searched_and_shown(extra: None) -> None:
    network = load_space("tiny").references["known"].architecture
    costs = price_architecture(network)
    assert costs["flash_bytes"] == 4 * (costs["params"] or 0)
    assert int(costs["kernels"] or 0) > 10
    config = SearchConfig(
        "tiny",
        objectives=("quality", "flash", "kernels"),
        budgets=(("max-flash", "200kB"), ("min-kernels", "20")),
        trials=400,
        front=3,
    )
    result = run_search(config, name="one")
    for member in result.front:
        assert int(member.costs["flash_bytes"] or 0) == 4 * int(member.costs["params"] or 0) <= 200_000
        assert int(member.costs["kernels"] or 0) >= 20
    assert {"flash", "kernels"} <= set(shown(front_table(result)).split())
    assert {"flash", "kernels"} <= set(
        shown(score_tables(score([str(result.path / result.front[0].file)]))).split()
    )
    text = shown(dry_run_table(dry_run(config)))
    assert "flash_bytes <= 195.3 KiB" in text
    assert "kernels >= 20" in text
