"""Runs whose quality is several scores, and runs of a strategy that has a choice of its own."""

from __future__ import annotations

import io
import json
import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from vitnas.arch.schema import read_architecture
from vitnas.cost.table import CostTable
from vitnas.errors import InvalidInput, UnknownName
from vitnas.quality.base import FitContext
from vitnas.quality.measure import measure
from vitnas.quality.parse import parse_quality, restored, saved
from vitnas.report.terminal.summary import report
from vitnas.run import search as searches
from vitnas.run.dry_run import dry_run
from vitnas.run.prepare import RatingSettings
from vitnas.searching.config import SearchConfig
from vitnas.space.files import load_space

FEW = RatingSettings(reference_networks=5, shown=("naswot",), batch=8)
run_search, resume_search = (
    partial(begin, rating=FEW) for begin in (searches.run_search, searches.resume_search)
)
PAIR = "naswot+token_entropy"


def search(quality, *, name="run", **changes):
    config = SearchConfig("tiny", quality=quality, front=3, **changes)
    return run_search(config, name=name)


def files(name="run"):
    folder = Path("runs") / name
    return [(folder / file).read_bytes() for file in ("front.json", "whole_front.json")]


def log(name="run"):
    return [json.loads(line) for line in (Path("runs") / name / "evaluations.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("how", [None, "log-rank"])
def test_the_quality_is_that_of_the_definition(folder, how):
    result = search(f"{PAIR}+params", trials=10, combine=how)
    sample = [r for r in log() if r["task"].split(":")[1] == PAIR][:5]
    columns = {
        **{p: [r["scores"][p] for r in sample] for p in PAIR.split("+")},
        "params": [r["costs"]["params"] for r in sample],
    }
    for member in (*result.front, *result.references):
        expected = 0.0
        for name, column in columns.items():
            own = member.scores[name]["value"]
            if how == "log-rank":
                expected += math.log((sum(v <= own for v in column) + 1) / 6)
            else:
                expected += (own - np.mean(column)) / np.std(column)
                assert member.scores[name]["standard"] == pytest.approx(
                    (own - np.mean(column)) / np.std(column)
                )
        assert member.quality == pytest.approx(expected)
        assert member.scores["params"]["value"] == member.costs["params"]
        assert "among 5 random networks" in result.notes[0] or "of 5 random networks" in result.notes[0]


def test_one_evaluation_measures_all_members(folder):
    result = search(PAIR, trials=6)
    tasks = {r["task"].split(":")[1] for r in log()}
    assert tasks == {PAIR, "naswot+health"}
    member = result.front[0]
    found = measure(read_architecture(result.path / member.file), PAIR.split("+")).scores
    assert {n: member.scores[n]["value"] for n in found} == found


@pytest.mark.parametrize(
    ("quality", "strategy"),
    [(f"{PAIR}+depth", "evolution"), (f"{PAIR}+depth", "reinforce"), ("capacity+depth", "reinforce")],
)
def test_a_resumed_run_ends_with_the_same_front(folder, quality, strategy):
    search(quality, trials=12, strategy=strategy, name="whole", combine="log-rank")
    search(quality, trials=5, strategy=strategy, name="cut", combine="log-rank")
    resume_search("runs/cut", trials=12)
    assert files("cut") == files("whole")


def test_a_member_that_fails_fails_the_candidate_with_its_reason(folder, monkeypatch):
    proxies = Path("proxies")
    proxies.mkdir()
    (proxies / "picky.py").write_text(
        "from vitnas.quality.proxies import Proxy\n\n\n"
        'class Picky(Proxy):\n    """Refuses some networks."""\n\n    needs = "network"\n\n'
        "    def measure(self, network, images):\n"
        "        count = sum(p.numel() for p in network.parameters())\n"
        '        if count % 3 == 0:\n            raise ValueError("divisible by three")\n'
        "        return float(count)\n"
    )
    result = search("picky+naswot", trials=12)
    failed = [r for r in log() if r.get("failures")]
    assert result.failed and failed
    assert all("ValueError: divisible by three" in r["failures"]["picky"] for r in failed)
    assert all("naswot" in r["scores"] for r in failed)
    assert all(m.costs["params"] % 3 for m in result.front)


def test_five_hundred_steps_whatever_repeats_itself(folder):
    text = Path("search_spaces/tiny.yaml").read_text()
    small = text.replace("range: [8, 32, 4]", "choice: [8, 16]", 1)
    small = small.replace("- 8\n      - 32\n      - 4", "- 8\n      - 16\n      - 8", 1)
    Path("search_spaces/tiny.yaml").write_text(small)
    result = search("capacity", strategy="reinforce", objectives=("quality",), random_arm=False)
    assert (result.trials, result.asked, result.state) == (500, 500, "finished")
    assert len(result.front) == 1


def test_what_reinforce_would_take_is_written_beside_the_front(folder):
    result = search("capacity+params", strategy="reinforce", objectives=("quality",), trials=300)
    assert result.choice.written == "choice.yaml"
    assert result.choice.quality <= result.front[0].quality
    assert read_architecture(result.path / "choice.yaml").id == result.choice.id
    document = json.loads((result.path / "front.json").read_text())
    assert document["choice"]["id"] == result.choice.id
    assert document["choice"]["scores"]["params"]["value"] == result.choice.costs["params"]


def test_the_report_shows_every_member_and_the_choice(folder):
    result = search(PAIR, strategy="reinforce", objectives=("quality",), trials=3)
    out = io.StringIO()
    Console(file=out, width=120).print(report(result))
    shown = out.getvalue()
    for member in (*result.front, *result.references):
        assert f"{member.scores['naswot']['value']:.4g}" in shown
        assert f"{member.scores['token_entropy']['value']:.4g}" in shown
    assert "quality: the sum of naswot and token_entropy" in shown
    assert "choice.yaml" in shown


def test_the_dry_run_knows_combined_qualities(folder):
    config = SearchConfig("tiny", quality="naswot+depth", strategy="reinforce")
    assert dry_run(config).trials == 500
    assert 100_000 < dry_run(SearchConfig("tiny", quality="capacity+depth")).trials <= 2_000_000


def test_combined_qualities_of_genomes_keep_their_scores(folder):
    space = load_space("tiny")
    table = CostTable.build(space)
    pool = space.sample(50, np.random.default_rng(0))
    context = FitContext(space, table, pool)
    quality = parse_quality("capacity+depth", "log-rank").fit(context)
    again = restored(context, json.loads(json.dumps(saved(quality))))
    assert (again.score(pool) == quality.score(pool)).all()
    parts = [parse_quality(name).fit(context).score(pool) for name in ("capacity", "depth")]
    ranks = [[sum(other <= own for other in part) for own in part] for part in parts]
    expected = np.log((np.array(ranks) + 1) / 51).sum(axis=0)
    np.testing.assert_allclose(quality.score(pool), expected)


@pytest.mark.parametrize(
    ("quality", "combine", "error", "said"),
    [
        ("naswot+tokenentropy", None, UnknownName, "did you mean 'token_entropy'?"),
        ("naswot+naswot", None, InvalidInput, "`quality` naswot+naswot: 'naswot' stands twice"),
        ("naswot+token-entropy+token_entropy", None, InvalidInput, "stands twice"),
        ("naswot+", None, InvalidInput, "a name is missing in 'naswot+'"),
        ("naswot", "standard", InvalidInput, "`combine` standard: 'naswot' is one score"),
        (PAIR, "logrank", UnknownName, "did you mean 'log-rank'?"),
    ],
)
def test_what_cannot_be_combined_is_refused(folder, quality, combine, error, said):
    for begin in (dry_run, run_search):
        with pytest.raises(error) as caught:
            begin(SearchConfig("tiny", quality=quality, combine=combine))
        assert said in str(caught.value)
        assert "\n" not in str(caught.value)
    assert not Path("runs").exists()
