"""The strategy that docs/strategies.md writes works as it stands."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from vitnas import plugins
from vitnas.searching.strategy import load_strategy

PAGE = Path(__file__).parents[2] / "docs" / "strategies.md"


def test_the_example_improves_on_what_it_began_with(make_problem: Callable[..., Any], tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "aging.py").write_text(code)
    problem = make_problem(0.5, large=True)
    plugins.ask(str(tmp_path / "aging.py"))
    strategy = load_strategy(str(tmp_path / "aging.py"))(problem, 0, population=30, sample=5)
    best = []
    for _ in range(15):
        genomes = strategy.ask(20)
        assert genomes.dtype == np.uint8 and len(genomes) == 20
        batch = problem.evaluate(genomes)
        strategy.tell(batch)
        best.append(np.nanmin(batch.objectives[:, 0]))
    assert min(best[-3:]) < best[0]
