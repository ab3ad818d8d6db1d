"""Rungs after a search: what they take, keep and write, and that a run that was cut ends the same."""

from __future__ import annotations

import dataclasses
import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import yaml

from vitnas.errors import InvalidInput, UnknownName
from vitnas.events import Silent
from vitnas.run import funnel
from vitnas.run import search as searches
from vitnas.run.prepare import RatingSettings
from vitnas.searching.config import SearchConfig
from vitnas.space.files import load_space
from vitnas.workers.serial import Serial

FEW = RatingSettings(reference_networks=4, shown=("naswot",))
run_search, resume_search = (
    partial(begin, rating=FEW) for begin in (searches.run_search, searches.resume_search)
)
LIMIT = (("max-params", "100k"),)


def search(*then, name="run", **changes):
    settings = {"trials": 2000, "front": 3, "budgets": LIMIT, "random_arm": False, **changes}
    return run_search(SearchConfig("tiny", then=then, **settings), name=name)


def read(file, name="run"):
    return json.loads((Path("runs") / name / file).read_text())


def files(name="run"):
    folder = Path("runs") / name
    return [(folder / file).read_bytes() for file in ("front.json", "whole_front.json", "rungs.json")]


def tasks(name="run"):
    lines = (Path("runs") / name / "evaluations.jsonl").read_text().splitlines()
    return [json.loads(line)["task"] for line in lines]


def dominates(a, b):
    """Of rows that are to be small."""
    return all(x <= y for x, y in zip(a, b, strict=True)) and any(x < y for x, y in zip(a, b, strict=True))


def test_a_rung_keeps_the_front_by_its_quality_and_the_other_objectives(folder):
    result = search("depth:30", "naswot:6")
    first, second = read("rungs.json")["rungs"]
    space = load_space("tiny")
    config = SearchConfig("tiny", trials=2000, front=3, budgets=LIMIT, random_arm=False)
    searched = run_search(config, name="plain")
    front = read("whole_front.json", "plain")
    before = dict(zip(front["genomes"], front["values"], strict=True))
    assert len(first["candidates"]) == 30 < searched.front_size
    assert {c["genome"] for c in first["candidates"]} <= set(before)
    rows = {}
    for candidate in first["candidates"]:
        network = space.decode(np.frombuffer(bytes.fromhex(candidate["genome"]), np.uint8))
        assert candidate["score"] == sum(len(stage.blocks()) for stage in network.stages)
        rows[candidate["genome"]] = (-candidate["score"], *before[candidate["genome"]][1:])
    kept = {c["genome"] for c in first["candidates"] if c["front"]}
    for genome, row in rows.items():
        beaten = any(dominates(other, row) for other in rows.values())
        same = any(rows[k] == row for k in kept)
        assert (genome in kept or same) != beaten
    assert {c["genome"] for c in second["candidates"]} <= kept
    assert result.front_size == sum(c["front"] for c in second["candidates"])
    assert [r.input for r in result.rungs[1:]] == [30, min(6, len(kept))]


def test_winners_carry_the_scores_of_all_rungs(folder):
    result = search("params:20", "naswot+depth:5")
    names = ["capacity", "params", "naswot+depth"]
    assert [r.quality for r in result.rungs] == names and result.quality == names[-1]
    rungs = read("manifest.json")["rungs"]
    assert [(r["quality"], r["input"], r["output"]) for r in rungs] == [
        (r.quality, r.input, r.output) for r in result.rungs
    ]
    assert rungs[0]["scored"] == 2000 and rungs[0]["input"] == result.asked
    assert all(r["failed"] == 0 and r["seconds"] >= 0 for r in rungs)
    document = read("front.json")
    assert [r["quality"] for r in document["rungs"]] == names
    assert "seconds" not in document["rungs"][0]
    for member in document["members"]:
        assert list(member["rungs"]) == names
        assert member["quality"] == member["rungs"]["naswot+depth"]
        assert member["rungs"]["params"] == member["costs"]["params"]
        assert member["scores"]["depth"]["value"] == member["depth"]
        written = yaml.safe_load((Path("runs/run") / member["file"]).read_text())
        assert written["metrics"]["rungs"] == member["rungs"]
        assert written["provenance"]["then"] == ["params:20", "naswot+depth:5"]
    known = read("reference.json")["members"][0]
    assert list(known["rungs"]) == names and known["quality"] == known["rungs"]["naswot+depth"]


def test_a_front_that_is_too_small_goes_in_whole_and_it_is_said(folder):
    said = []

    class Watch(Silent):
        def stage(self, name, detail=""):
            said.append((name, detail))

    config = SearchConfig("tiny", trials=60, front=2, objectives=("quality",), then=("depth:9",))
    result = run_search(config, listener=Watch())
    assert ("rung 1 of 1", "depth, 1 networks, all (9 asked)") in said
    assert (result.rungs[1].take, result.rungs[1].input, result.rungs[1].output) == (9, 1, 1)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"then": ("naswto:9",)}, "`then` naswto:9: unknown quality 'naswto'; did you mean 'naswot'?"),
        ({"then": ("naswot+:9",)}, "`then` naswot+:9: a name is missing"),
        ({"then": ("naswot+naswot:9",)}, "`then` naswot+naswot:9: 'naswot' stands twice"),
        ({"then": ("train:9",)}, "`then` train:9 needs `data`"),
        ({"then": ("train+depth:9",)}, "`then` train+depth:9: 'train' is combined with nothing"),
        ({"then": ("depth:9",), "objectives": ("params", "macs")}, "`then` depth:9: a rung chooses by its"),
        ({"then": ("fitted:9",)}, "`then` fitted:9 needs `labels`"),
        ({"then": ("depth:9",), "combine": "log-rank"}, "`combine` log-rank: 'capacity' is one score"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(folder, changes, said):
    with pytest.raises((InvalidInput, UnknownName)) as problem:
        run_search(SearchConfig("tiny", trials=60, **changes))
    assert said in str(problem.value)
    assert not Path("runs").exists()


def test_one_combination_is_for_all_that_combine(folder):
    search("naswot+depth:4", combine="log-rank", trials=300)
    scores = [c["score"] for c in read("rungs.json")["rungs"][0]["candidates"]]
    assert max(scores) <= 0  # a sum of logarithms of ranks


def test_a_fitted_rung_learns_from_labels(folder):
    space = load_space("tiny")
    genomes = space.sample(40, np.random.default_rng(0))
    rows = [f"{g.tobytes().hex()},{50 + 0.01 * k}" for k, g in enumerate(genomes)]
    Path("labels.csv").write_text("\n".join(["genome,top1", *rows]) + "\n")
    result = search("fitted:5", labels="labels.csv")
    assert all(0 < member.rungs["fitted"] < 100 for member in result.front)
    again = resume_search("runs/run")
    assert [m.rungs for m in again.front] == [m.rungs for m in result.front]


class Cut:
    """Ends a run with Ctrl-C at the n-th count of a rung."""

    def __init__(self, rung, count):
        self.wanted, self.left, self.stage_now = f"rung {rung} of 2", count, ""

    def stage(self, name, detail=""):
        self.stage_now = name

    def count(self, done, total=None):
        self.left -= self.stage_now == self.wanted
        if self.left == 0:
            raise KeyboardInterrupt

    def snapshot(self, snapshot):
        pass

    def warn(self, text):
        pass


TWO = ("naswot:6", "zico:3")


def test_interrupted_rungs_write_what_there_is_and_go_on(folder, monkeypatch):
    monkeypatch.setattr(Serial, "group_s", 0.0)  # networks come back one by one
    whole = search(*TWO, name="whole")
    config = SearchConfig("tiny", trials=2000, front=3, budgets=LIMIT, random_arm=False, then=TWO)
    part = run_search(config, name="cut", listener=Cut(1, 2))
    assert (part.state, part.quality) == ("interrupted", "naswot")
    assert [r.whole for r in part.rungs] == [True, False]
    assert 0 < part.rungs[1].scored < 6 and part.rungs[1].input == 6
    assert 1 <= len(part.front) <= part.rungs[1].scored
    assert all(set(m.rungs) == {"capacity", "naswot"} for m in part.front)
    part = resume_search("runs/cut", listener=Cut(2, 1))
    assert part.rungs[1] == dataclasses.replace(whole.rungs[1], seconds=part.rungs[1].seconds)
    assert part.rungs[2].scored > 0 and part.quality == "zico" and not part.rungs[2].whole
    result = resume_search("runs/cut")
    assert result.state == "finished"
    assert files("cut") == files("whole")
    assert len(tasks("cut")) == len(set(tasks("cut"))), "nothing is measured twice"
    assert sorted(tasks("cut")) == sorted(tasks("whole"))
    assert read("manifest.json", "cut")["rungs"][1]["seconds"] >= part.rungs[1].seconds
    resume_search("runs/cut")
    assert files("cut") == files("whole")


def test_interrupted_before_anything_is_scored_it_writes_the_front_before(folder, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(funnel, "make_rating", stop)
    result = search("naswot:6")
    assert (result.state, result.quality) == ("interrupted", "capacity")
    assert (result.rungs[1].input, result.rungs[1].scored, result.rungs[1].whole) == (6, 0, False)
    assert len(result.front) == 3


def test_a_rung_that_scores_nothing_ends_the_run_with_the_front_before(folder):
    Path("proxies").mkdir()
    Path("proxies/never.py").write_text(
        "from vitnas.quality.proxies import Proxy\n\n\n"
        'class Never(Proxy):\n    """Scores the sample, and nothing after it."""\n\n'
        '    needs = "network"\n    left = 4\n\n'
        "    def measure(self, network, images):\n"
        "        type(self).left -= 1\n"
        '        if self.left < 0:\n            raise ValueError("not today")\n'
        "        return float(self.left)\n"
    )
    result = search("depth:20", "never:3", "naswot:2")
    assert result.state == "rung failed" and result.quality == "depth"
    last = result.rungs[-1]
    assert (last.quality, last.scored, last.failed, last.output) == ("never", 0, 3, 0)
    assert last.failures == {"ValueError": 3}
    assert read("manifest.json")["state"] == "rung failed"
    assert len(result.front) == 3 and all("depth" in m.rungs for m in result.front)


def test_without_rungs_nothing_is_said_of_them(folder):
    result = search(trials=200)
    assert result.rungs == () and result.quality == "capacity"
    assert "rungs" not in read("manifest.json") and "rungs" not in read("front.json")
    assert "rungs" not in read("front.json")["members"][0]
    assert not Path("runs/run/rungs.json").exists()
