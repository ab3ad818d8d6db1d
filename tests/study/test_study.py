"""A run as an Optuna study: what is in it is what the run found."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import optuna
import pytest

from vitnas.cli.main import main
from vitnas.errors import InvalidInput, RunError, StorageError
from vitnas.run.search import resume_search
from vitnas.space.files import load_space
from vitnas.store.log import read_log
from vitnas.study.sync import write_study


@pytest.fixture
def runs(searched_runs: Path) -> Path:
    return searched_runs


def study_of(name: str) -> optuna.Study:
    return optuna.load_study(study_name=name, storage="sqlite:///study.db")


def by_genome(study: optuna.Study) -> dict[str, optuna.trial.FrozenTrial]:
    found = {t.user_attrs["genome"]: t for t in study.trials}
    assert len(found) == len(study.trials), "no architecture stands twice"
    return found


def test_every_network_that_was_built_is_a_trial(runs: Path) -> None:
    result = write_study(runs / "built", "sqlite:///study.db")
    records = read_log(runs / "built" / "evaluations.jsonl")
    trials = by_genome(study_of("built"))
    assert set(trials) == {bytes(r["genome"]).hex() for r in records}
    assert (result.trials, result.added, result.front) == (len(trials), len(trials), None)
    front = json.loads((runs / "built" / "front.json").read_text())
    for member in front["members"]:
        trial = trials[bytes(member["genome"]).hex()]
        costs = member["costs"]
        assert trial.values == [member["quality"], costs["macs"], costs["params"]]
        own = {name: trial.user_attrs[name] for name in ("id", "file", "params", "peak_bytes", "health")}
        assert own == {
            **{name: member[name] for name in ("id", "file")},
            **{name: costs[name] for name in ("params", "peak_bytes")},
            "health": member["health"]["verdict"],
        }
        for proxy in ("naswot", "token_entropy"):
            assert trial.user_attrs[f"score.{proxy}"] == member["scores"][proxy]["value"]
    whole = json.loads((runs / "built" / "whole_front.json").read_text())
    best = {t.user_attrs["genome"] for t in study_of("built").best_trials}
    assert set(whole["genomes"]) <= set(trials) and best >= set(whole["genomes"]) & best


def test_parameters_are_the_genes_that_have_an_effect(runs: Path) -> None:
    write_study(runs / "built", "sqlite:///study.db")
    space = load_space("tiny")
    for genome, trial in by_genome(study_of("built")).items():
        row = np.frombuffer(bytes.fromhex(genome), np.uint8)
        active = space.activity.active(row)
        chosen = dict(zip((g.name for g in space.genes), space.chosen(row), strict=True))
        acts = {gene.name for gene, on in zip(space.genes, active, strict=True) if on}
        assert trial.params == {name: chosen[name] for name in acts}
        assert (space.genome_of({**chosen, **trial.params}) == row).all()


def test_what_exceeds_a_budget_is_infeasible(runs: Path) -> None:
    write_study(runs / "built", "sqlite:///study.db")
    study = study_of("built")
    assert study.user_attrs["constraints"] == ["max-params"]
    for trial in study.trials:
        assert trial.constraints["max-params"] == pytest.approx(trial.user_attrs["params"] / 40e3 - 1)
    known = next(t for t in study.trials if t.user_attrs.get("published") == "known")
    assert known.user_attrs["stated.top1"] == 50.0
    others = [t for t in study.trials if t.number != known.number]
    assert all(t.constraints["max-params"] <= 0 for t in others)


def test_a_second_time_adds_what_is_new(runs: Path) -> None:
    first = write_study(runs / "built", "sqlite:///study.db")
    again = write_study(runs / "built", "sqlite:///study.db")
    assert (again.trials, again.added, again.changed) == (first.trials, 0, 0)
    resume_search(runs / "built", trials=10)
    more = write_study(runs / "built", "sqlite:///study.db")
    assert more.added == more.trials - first.trials >= 2
    files = {t.user_attrs["file"] for t in study_of("built").trials if "file" in t.user_attrs}
    front = json.loads((runs / "built" / "front.json").read_text())
    assert files == {member["file"] for member in front["members"]}, "files of the old front are gone"


def test_failed_candidates_are_failed_trials(runs: Path) -> None:
    log = runs / "built" / "evaluations.jsonl"
    space = load_space("tiny")
    known = {bytes(r["genome"]) for r in read_log(log)}
    new = [g for g in space.sample(40, np.random.default_rng(9)) if g.tobytes() not in known][:4]
    said = [
        {"failure": "did not finish within 30 s, the time limit of a candidate"},
        {"scores": {}, "failures": {"naswot": "killed two workers (exit code 3)"}},
        {"scores": {"naswot": None}},
        {"scores": {"token_entropy": 2.0}},  # only checked: no quality, and no reason for it
    ]
    with log.open("a") as lines:
        for number, (genome, what) in enumerate(zip(new, said, strict=True)):
            record = {"task": str(number), "id": f"id{number}", "genome": genome.tolist(), **what}
            lines.write(json.dumps(record) + "\n")
    result = write_study(runs / "built", "sqlite:///study.db")
    trials = by_genome(study_of("built"))
    failed = [trials[g.tobytes().hex()] for g in new[:3]]
    assert [t.state.name for t in failed] == ["FAIL"] * 3 and failed[0].values is None
    assert [t.user_attrs["failure"] for t in failed] == [
        "did not finish within 30 s, the time limit of a candidate",
        "killed two workers (exit code 3)",
        "the score is no finite number",
    ]
    assert failed[1].user_attrs["id"] == "id1" and failed[1].params
    assert new[3].tobytes().hex() not in trials and result.unscored == 1


def test_a_run_that_ranks_genomes_gives_its_whole_front(runs: Path) -> None:
    result = write_study(runs / "ranked", "sqlite:///study.db", name="all")
    whole = json.loads((runs / "ranked" / "whole_front.json").read_text())
    built = {bytes(r["genome"]).hex() for r in read_log(runs / "ranked" / "evaluations.jsonl")}
    trials = by_genome(study_of("all"))
    assert set(trials) == {*whole["genomes"], *built}
    assert (result.front, result.left_out) == (len(whole["genomes"]), 0)
    for genome, values in zip(whole["genomes"], whole["values"], strict=True):
        assert trials[genome].values == values
    assert study_of("all").metric_names == ["quality", "macs", "params"]


def test_a_limit_takes_some_of_the_front_and_more_of_it_later(runs: Path) -> None:
    few = write_study(runs / "ranked", "sqlite:///study.db", limit=5)
    assert few.left_out == few.front - 5
    whole = json.loads((runs / "ranked" / "whole_front.json").read_text())
    best = max(range(len(whole["values"])), key=lambda k: whole["values"][k][0])
    assert whole["genomes"][best] in by_genome(study_of("ranked")), "the extremes are among them"
    more = write_study(runs / "ranked", "sqlite:///study.db")
    assert more.left_out == 0 and more.added == more.trials - few.trials > 0
    by_genome(study_of("ranked"))
    with pytest.raises(InvalidInput, match="`limit`: expected at least 0"):
        write_study(runs / "ranked", "sqlite:///study.db", limit=-1)


def test_runs_do_not_mix(runs: Path) -> None:
    write_study(runs / "built", "sqlite:///study.db", name="x")
    with pytest.raises(StorageError, match=r"the study 'x' in sqlite.* is of another run"):
        write_study(runs / "ranked", "sqlite:///study.db", name="x")
    shutil.move(runs / "built", runs / "moved")  # a run is known wherever it lies
    assert write_study(runs / "moved", "sqlite:///study.db", name="x").added == 0
    with pytest.raises(RunError, match="no run in"):
        write_study(runs / "nothing", "sqlite:///study.db")
    for name in ("quality.json", "reference_sample.json"):
        (runs / "moved" / name).unlink(missing_ok=True)
    with pytest.raises(RunError, match="has scored nothing so far"):
        write_study(runs / "moved", "sqlite:///study.db")


@pytest.mark.parametrize("where", ["u:s3cret-word@127.0.0.1:1/x", "u@127.0.0.1:1/x?password=s3cret-word"])
def test_a_server_that_is_not_there_is_one_line(runs: Path, capfd, where: str) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(SystemExit) as ended:
        main(["study", "runs/built", "--storage", f"postgresql+psycopg://{where}", "--json"])
    out, err = capfd.readouterr()
    assert ended.value.code == 2 and out == "" and "s3cret" not in err and "Traceback" not in err
    assert err.splitlines()[-1].startswith("error: --storage: postgresql+psycopg://u") and "***" in err
