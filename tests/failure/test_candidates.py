"""Candidates that raise, hang or kill their workers are recorded, and change nothing for the others."""

from __future__ import annotations

import json

import numpy as np
import pytest

from vitnas import plugins
from vitnas.errors import NothingFeasible
from vitnas.run.search import run_search
from vitnas.searching.config import SearchConfig
from vitnas.workers import WorkerSettings

from .conftest import records
from .small import IN_FLIGHT, RATING

FAILS = {"raise": "RuntimeError: no luck with this one (./fated.py:27)", "nan": "the score is nan"}
WAYS = {  # workers, and what the fates lead to
    "processes": (
        WorkerSettings(2, timeout_s=10),
        {
            **FAILS,
            "kill": "killed two workers (signal 9: most likely for want of memory)",
            "hang": "did not finish within 10 s, the time limit of a candidate",
        },
    ),
    # batches of four: others share the batch of one that kills its worker
    "ray": (
        WorkerSettings(2, ray="local", batch=4),
        {**FAILS, "exit": "killed two workers (its process ended: want of memory, or a crash)"},
    ),
}


def config(quality, **changes):
    settings = {"space": "tiny", "trials": 12, "front": 1, "seed": 3, "strategy": "random"} | changes
    settings["in_flight"] = IN_FLIGHT
    return SearchConfig(quality=quality, objectives=("quality", "params"), **settings)


def naive_front(scores):
    """Of {params: score}, the params that no other one dominates: a higher score with fewer params."""
    return {
        p
        for p, s in scores.items()
        if not any(t >= s and q <= p and (t, q) != (s, p) for q, t in scores.items())
    }


def scores_of(run):
    """{params: score, or the reason why there is none} of the search, which follows the sample."""
    lines = [r for r in records(run) if ".py" in r["task"]][RATING.reference_networks :]
    return {
        r["costs"]["params"]: r.get("failure") or next(iter((r["failures"] or r["scores"]).values()))
        for r in lines
    }


@pytest.mark.parametrize("way", ["processes", pytest.param("ray", marks=pytest.mark.slow)])
def test_every_fate_is_recorded_and_the_front_is_that_of_the_others(folder, server, space, proxy, way):
    """Space, operator and proxy are the user's own files, given by path."""
    if way == "ray":
        pytest.importorskip("ray")
    workers, reasons = WAYS[way]
    server(folder, config(proxy("plain"), space=space).to_dict(), name="undisturbed")
    plain = scores_of(folder / "runs/undisturbed")
    best = naive_front(plain)
    # the fates meet some of the front, and some others
    victims = [*sorted(best)[:2], *(params for params in plain if params not in best)]
    fates = dict(zip(victims, [*reasons, "kill once"], strict=False))
    asked = config(proxy("fated", fates), space=space)
    with plugins.trusting():
        run = run_search(asked, name="fated", workers=workers, rating=RATING)

    assert scores_of(run.path) == plain | {p: reasons[f] for p, f in fates.items() if f in reasons}
    assert (run.failed, run.state) == (len(reasons), "finished")
    assert (folder / "died").exists(), "one killed a worker once, and was tried again"
    calls = (folder / "calls").read_text().split().count(str(victims[2])) - 1
    assert calls == 2 or (way == "ray" and calls == 3), "alone with two workers, after a batch perhaps"
    left = {p: s for p, s in plain.items() if fates.get(p) not in reasons}
    assert front_params(run.path) == naive_front(left) != best


def front_params(run):
    whole = json.loads((run / "whole_front.json").read_text())
    return {int(value) for value in np.array(whole["values"])[:, whole["objectives"].index("params")]}


def test_a_proxy_that_fails_for_all_is_named(folder, proxy):
    path = proxy("never")
    (folder / "never.py").write_text((folder / "never.py").read_text().replace("return", "return unknown,"))
    with pytest.raises(NothingFeasible, match=r"never.py' could not score any of 4 networks: NameError"):
        run_search(config(path), name="never", rating=RATING)
