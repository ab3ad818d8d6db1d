"""The driver dies by SIGKILL at any write of a run; resumed, it ends as if it had not."""

from __future__ import annotations

import random

import pytest

from vitnas.searching.config import SearchConfig

from .conftest import front, log, records
from .small import IN_FLIGHT

KILLED = {"killed": 9}
DEATHS = 3  # of each run, one in every part of it


@pytest.fixture
def config(request, proxy):
    strategy, quality = request.param
    quality = quality.replace("PROXY", proxy("cheap"))
    size = {"trials": 12, "in_flight": IN_FLIGHT} if ".py" in quality else {"trials": 1500}
    settings = {**size, "front": 2, "seed": 3, "strategy": strategy, "random_arm": False}
    return SearchConfig("tiny", quality=quality, budgets=(("max-params", "100k"),), **settings).to_dict()


def runs(*wanted):
    return pytest.mark.parametrize("config", wanted, indirect=True, ids=lambda ways: "-".join(ways))


@runs(("evolution", "PROXY"), ("optuna-tpe", "PROXY+params"), ("evolution", "capacity"))
def test_the_driver_killed_at_any_write(server, folder, config):
    whole = server.whole(folder, config)
    draw = random.Random(1)
    for k in range(DEATHS):
        at = 1 + (k * whole.writes + draw.randrange(whole.writes)) // DEATHS
        run = folder / f"runs/cut-{k}"
        at, killed = server.fail(folder, config, name=run.name, at=at)
        assert killed == KILLED, at
        told = log(run)
        assert server.go_on(folder, config, run.name) == "finished", at
        assert log(run).startswith(told), at
        assert front(run) == whole.front, at
        found = [r["task"] for r in records(run)]
        assert len(found) == len(set(found)) and set(found) == whole.tasks, at


@runs(("evolution", "PROXY"))
def test_the_driver_killed_again_and_again(server, folder, config):
    run, answer, lives = folder / "runs/cut", server(folder, config, name="cut", at=40), 1
    draw = random.Random(2)
    while answer == KILLED:
        told = log(run)
        longest = 40 + 10 * lives  # writes; the end of a run, made in one life, takes some forty
        answer = server(folder, resume="cut", at=draw.randrange(1, longest))
        assert log(run).startswith(told)
        lives += 1
    assert answer["state"] == "finished" and lives > 3
    assert front(run) == server.whole(folder, config).front
