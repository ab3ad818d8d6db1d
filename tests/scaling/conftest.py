"""A small network and a judge whose scores are written in the test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from vitnas.arch.operators import arguments
from vitnas.arch.schema import Architecture
from vitnas.scaling.rule import Bound, Child, Judge

SMALL = {
    "name": "small",
    "input": {"channels": 3, "resolution_px": 64},
    "classes": 10,
    "stem": {"op": "conv_stem"},
    "stages": [
        {"width": 16, "blocks": [{"op": "conv_ffn", "repeat": 1, "expansion": 2}]},
        {
            "down": {"op": "conv_down"},
            "width": 32,
            "blocks": [
                {"op": "conv_ffn", "repeat": 2, "expansion": [4, 2]},
                {"op": "attention_ffn", "expansion": 2, "heads": 2, "key_dim": 8},
            ],
        },
    ],
    "head": {"op": "pooled_classifier"},
}


@pytest.fixture
def small() -> Architecture:
    return Architecture.from_dict(SMALL)


def price(architecture: Architecture) -> dict[str, Any]:
    """A count by hand, which takes no time: of MLPs, attention and down-samplings."""
    params, macs, before, side = 1000, 0, 0, architecture.resolution_px // 4
    for stage in architecture.stages:
        own = 9 * before * stage.width
        for block in stage.blocks():
            full = {n: block.args.get(n, a.default) for n, a in arguments(block.op).items()}
            own += int(2 * stage.width**2 * full["expansion"])
            if "heads" in full:
                own += int(2 * stage.width * full["heads"] * full["key_dim"] * (1 + full["attention_ratio"]))
        params, macs = params + own, macs + own * side**2
        before, side = stage.width, side // 2
    return {"params": params, "macs": macs}


class Notebook:
    """A judge, and all that was written down."""

    def __init__(self, score: Callable[[Child], dict[str, float]], higher: dict[str, bool]) -> None:
        self.lines: list[dict[str, Any]] = []
        self.score_one = score
        self.higher = higher
        self.asked: list[list[Child]] = []
        self.price = price

    def judge(self, bounds: Sequence[Bound] = ()) -> Judge:
        return Judge(
            price, self._score, self.higher, tuple(bounds), lambda line: self.lines.append(dict(line))
        )

    def _score(self, step: int, children: Sequence[Child]) -> list[dict[str, float]]:
        self.asked.append(list(children))
        return [self.score_one(child) for child in children]


@pytest.fixture
def notebook() -> Callable[..., Notebook]:
    return Notebook
