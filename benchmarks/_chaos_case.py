"""What `chaos.py` searches, and who dies when."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import yaml

SPACE = {
    "name": "tiny",
    "description": "a small space at 32 pixels",
    "input": {"channels": 3, "resolution_px": 32},
    "classes": 10,
    "stem": {"op": "conv_stem"},
    "stages": [
        {
            "width": {"range": [8, 32, 4]},
            "blocks": [{"op": "conv_ffn", "repeat": {"range": [1, 2]}, "expansion": {"choice": [1, 2, 3]}}],
        },
        {
            "down": {"op": "conv_down"},
            "width": {"range": [16, 64, 8]},
            "blocks": [{"op": "conv_ffn", "repeat": {"range": [1, 2]}, "expansion": {"choice": [1, 2, 3]}}],
        },
    ],
    "head": {"op": "pooled_classifier"},
}
PROXY = '''
import math
import time

from vitnas.quality.proxies import Proxy


class Cheap(Proxy):
    """A score that the number of parameters decides; one network in eight fails."""

    needs = "network"
    resolution_px = 32
    batch = 2

    def measure(self, network, images):
        params = sum(p.numel() for p in network.parameters())
        time.sleep(0.02 + 0.06 * (params % 7) / 7)
        if params // 2 % 8 == 1:
            raise ValueError("one of those")
        return math.log(params) * (1 + 0.3 * math.sin(params))
'''
SAMPLE = 4  # reference networks, as `_chaos_driver` sets it

_COMMON = ("--space", "tiny", "--max-params", "100k", "--front", "2", "--seed", "5", "--no-random-arm")
SEARCHES: dict[str, tuple[str, ...]] = {
    "evolution, proxy": ("--strategy", "evolution", "--quality", "./cheap.py", "--trials", "16"),
    "random, proxy + params": ("--strategy", "random", "--quality", "./cheap.py+params", "--trials", "16"),
    "optuna-tpe, proxy": ("--strategy", "optuna-tpe", "--quality", "./cheap.py", "--trials", "16"),
    "evolution, capacity": ("--strategy", "evolution", "--quality", "capacity", "--trials", "4000"),
    "random, capacity, then proxy": (
        *("--strategy", "random", "--quality", "capacity", "--trials", "2000"),
        *("--then", "./cheap.py:8"),
    ),
}
BUILDING = ("evolution, proxy", "random, proxy + params", "optuna-tpe, proxy")  # all along, on workers
STAGES = ("start", "sample", "search", "finish")
# of ten runs: five on processes, five on Ray
TURNS = (
    *(("driver", "processes"), ("driver", "ray"), ("worker", "processes"), ("node", "ray")),
    *(("driver", "processes"), ("worker", "ray"), ("driver", "processes"), ("driver", "ray")),
    *(("worker", "processes"), ("node", "ray")),
)


@dataclass(frozen=True)
class Case:
    """One run.

    Attributes:
        number: from 0.
        search: a key of ``SEARCHES``.
        victim: driver, worker or node.
        place: processes or ray.
        stage: in which the victim dies.
        workers: before and after a death of the driver.
        seed: of the moment.
    """

    number: int
    search: str
    victim: str
    place: str
    stage: str
    workers: tuple[int, int]
    seed: int

    @property
    def kind(self) -> str:
        return f"{self.victim}, {self.place}"

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def plan(runs: int, seed: int, place: str | None) -> list[Case]:
    """The cases, of one place or both; the first ones of a longer plan are the same."""
    turns = [turn for turn in TURNS if place in (None, turn[1])]
    counts: dict[tuple[str, str], int] = {}
    cases = []
    for number in range(runs):
        turn = turns[number % len(turns)]
        count = counts[turn] = counts.get(turn, -1) + 1
        draw = Random(f"{seed}:{number}")
        drivers = turn[0] == "driver"
        stages = STAGES if drivers else STAGES[1:]
        searches = tuple(SEARCHES) if drivers else BUILDING
        row = count if drivers else count + count // len(searches)  # each search meets each stage
        cases.append(
            Case(
                number=number,
                search=searches[row % len(searches)],
                victim=turn[0],
                place=turn[1],
                stage=stages[count % len(stages)],
                workers=(draw.choice((1, 1, 2)), draw.choice((1, 1, 2))) if drivers else (2, 2),
                seed=draw.randrange(2**31),
            )
        )
    return cases


def arguments(search: str) -> list[str]:
    """Of the command line, without the run's folder and the workers."""
    return ["search", *_COMMON, *SEARCHES[search]]


def write_files(folder: Path) -> Path:
    """The space and the proxy in a working folder; returns the space's file."""
    space = folder / "search_spaces" / "tiny.yaml"
    space.parent.mkdir(parents=True, exist_ok=True)
    space.write_text(yaml.safe_dump(SPACE, sort_keys=False), encoding="utf-8")
    (folder / "cheap.py").write_text(PROXY, encoding="utf-8")
    return space
