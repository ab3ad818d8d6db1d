"""Qualities of the user's own: of genomes and of networks, alone, combined, as rungs, on workers."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from vitnas.arch.schema import read_architecture
from vitnas.cli.main import main
from vitnas.errors import VitnasError
from vitnas.quality.base import Quality
from vitnas.quality.parse import caption, parse_quality
from vitnas.run import search as searches
from vitnas.run.dry_run import dry_run
from vitnas.run.prepare import RatingSettings
from vitnas.searching.config import SearchConfig
from vitnas.space.files import load_space
from vitnas.study.sync import write_study

FEW = RatingSettings(reference_networks=4, shown=("naswot",))
run_search, resume_search = (
    partial(begin, rating=FEW) for begin in (searches.run_search, searches.resume_search)
)
# least squares on the labels, one weight for each gene
SURROGATE = '''
import numpy as np

from vitnas.quality import Quality


class Surrogate(Quality):
    """A linear surrogate."""

    needs = ("labels",)

    def __init__(self, weights):
        self.weights = np.array(weights)
        self.notes = (f"linear in {len(weights)} genes",)

    @classmethod
    def fit(cls, context):
        x, y = context.labels.genomes.astype(float), context.labels.values
        return cls(np.linalg.lstsq(x - x.mean(axis=0), y - y.mean(), rcond=None)[0])

    def score(self, genomes):
        return genomes @ self.weights

    def state(self):
        return {"weights": self.weights.tolist()}

    @classmethod
    def from_state(cls, context, state):
        return cls(state["weights"])
'''
# what a worker sees: the architecture, the attributes that `fit` set, and the place where it is
PROBE = '''
import os
from pathlib import Path

from vitnas.arch.build import build
from vitnas.quality import Quality


class Probe(Quality):
    """Parameters of the built network, plus what was fitted."""

    rates = "networks"
    higher_is_better = False
    trials = 9

    def __init__(self, offset):
        self.offset = offset

    @classmethod
    def fit(cls, context):
        Path("fits").open("a").write("fit\\n")
        return cls(float(len(context.pool)))

    def measure(self, architecture, *, seed, images, device):
        params = sum(p.numel() for p in build(architecture).parameters())
        if params % 5 == 0:
            raise ValueError("divisible by five")
        return params + self.offset + (10_000_000 if os.getpid() == DRIVER else 0)

    def state(self):
        return {"offset": self.offset}

    @classmethod
    def from_state(cls, context, state):
        return cls(state["offset"])
'''


@pytest.fixture
def own(folder):
    """The two files in ``./qualities``, and labels; returns a place for more."""
    place = folder / "qualities"
    place.mkdir()
    (place / "surrogate.py").write_text(SURROGATE)
    (place / "probe.py").write_text(PROBE.replace("DRIVER", str(os.getpid())))
    genomes = load_space("tiny").sample(40, np.random.default_rng(0))
    rows = [f"{g.tobytes().hex()},{g[0] + 0.1 * k / 40}" for k, g in enumerate(genomes)]
    Path("labels.csv").write_text("\n".join(["genome,top1", *rows]) + "\n")
    return place


def read(file, name="run"):
    return json.loads((Path("runs") / name / file).read_text())


def files(name):
    return [(Path("runs") / name / file).read_bytes() for file in ("front.json", "whole_front.json")]


def log(name="run"):
    return [json.loads(line) for line in (Path("runs") / name / "evaluations.jsonl").read_text().splitlines()]


def config(quality, **changes):
    settings = {"trials": 300, "front": 2, "labels": "labels.csv", "random_arm": False} | changes
    return SearchConfig("tiny", quality=quality, **settings)


def test_a_surrogate_of_the_users_own_searches_and_resumes(own):
    result = run_search(config("surrogate", trials=600), name="whole")
    assert result.notes == ("linear in 15 genes",) and result.front[0].quality is not None
    kept = read("quality.json", "whole")
    assert kept["state"]["quality"] == "surrogate" and len(kept["state"]["weights"]) == 15 and "box" in kept
    run_search(config("surrogate", trials=300), name="cut")
    Path("labels.csv").unlink()
    resume_search("runs/cut", trials=600)
    assert files("cut") == files("whole")
    weights = np.array(kept["state"]["weights"])
    for member in result.front:
        assert member.quality == pytest.approx(float(np.array(member.genome) @ weights))


def test_networks_are_measured_in_workers_by_what_was_fitted(own):
    result = run_search(config("probe", labels=None, trials=None, in_flight=4), name="run", workers=2)
    assert result.trials == 9, "as the class says"
    measured = [r for r in log() if r["task"].split(":")[1] == "probe"]
    assert all(r["scores"]["probe"] == r["costs"]["params"] + 4096 for r in measured if r["scores"])
    failed = [r for r in measured if not r["scores"]]
    assert all(r["failures"]["probe"].startswith("ValueError: divisible by five (") for r in failed)
    assert all("qualities/probe.py:" in r["failures"]["probe"] for r in failed)
    assert read("quality.json")["members"]["probe"] == {"quality": "probe", "offset": 4096.0}
    best = result.front[-1]
    assert best.quality == -(best.costs["params"] + 4096), "lower is better, and what is maximised is turned"
    assert best.scores["probe"]["value"] == best.costs["params"] + 4096
    resume_search("runs/run", trials=12, workers=2)
    assert Path("fits").read_text().count("fit") == 1, "fitted once"


def test_a_path_is_a_quality_too(own):
    (own / "probe.py").rename(own.parent / "elsewhere.py")
    text = (
        Path("elsewhere.py")
        .read_text()
        .replace("Probe", "Elsewhere")
        .replace("if params % 5 == 0", "if False")
    )
    Path("elsewhere.py").write_text(text)
    result = run_search(config("./elsewhere.py", labels=None, trials=5, in_flight=4))
    best = result.front[-1]
    assert best.scores["./elsewhere.py"]["value"] == best.costs["params"] + 4096 + 10_000_000
    assert read_architecture(result.path / best.file).id == best.id


def test_rungs_and_combinations_of_the_users_own(own):
    (own / "probe.py").write_text((own / "probe.py").read_text().replace("if params % 5 == 0", "if False"))
    result = run_search(config("capacity+surrogate", then=("probe:8", "probe+naswot:3")), name="run")
    assert [rung.quality for rung in result.rungs] == ["capacity+surrogate", "probe", "probe+naswot"]
    assert [rung.failed for rung in result.rungs] == [0, 0, 0]
    first = read("rungs.json")["rungs"][0]["candidates"]
    assert all(candidate["score"] < -4096 for candidate in first)
    member = result.front[0]
    assert set(member.rungs) == {"capacity+surrogate", "probe", "probe+naswot"}
    assert member.scores["probe"]["value"] == -member.rungs["probe"]
    again = resume_search("runs/run")
    assert [m.rungs for m in again.front] == [m.rungs for m in result.front]
    assert Path("fits").read_text().count("fit") == 2, "once for each rung"


def test_the_command_line_takes_them(own, capsys):
    (own / "probe.py").write_text((own / "probe.py").read_text().replace("if params % 5 == 0", "if False"))
    common = ["search", "--space", "tiny", "--front", "1", "--trials", "200", "--workers", "2"]
    with pytest.raises(SystemExit) as done:
        main(
            [*common, "--quality", "surrogate", "--labels", "labels.csv", "--then", "probe:4", "--name", "x"]
        )
    said = capsys.readouterr()
    assert not done.value.code, said.err
    assert [row["quality"] for row in read("manifest.json", "x")["rungs"]] == ["surrogate", "probe"]
    for quality in ("surrogate", "probe", "probe+capacity"):
        arguments = ["search", "--space", "tiny", "--quality", quality, "--dry-run"]
        with pytest.raises(SystemExit) as done:
            main([*arguments, *(["--labels", "labels.csv"] if quality == "surrogate" else [])])
        assert not done.value.code, capsys.readouterr().err


def test_studies_and_dry_runs_know_them(own):
    optuna = pytest.importorskip("optuna")
    run_search(config("probe", labels=None, trials=6, in_flight=4), name="built")
    run_search(config("surrogate"), name="ranked")
    for name in ("built", "ranked"):
        found = write_study(f"runs/{name}", f"sqlite:///{name}.db")
        assert found.trials > 0
        study = optuna.load_study(study_name=name, storage=f"sqlite:///{name}.db")
        best = {trial.values[0] for trial in study.trials if trial.values}
        assert {m["quality"] for m in read("front.json", name)["members"]} <= best
    plan = dry_run(config("surrogate", then=("probe:5",)))
    assert plan.trials == 300 and plan.rungs[0].seconds > 0


def test_a_rung_that_needs_labels_is_refused_without_them(own):
    with pytest.raises(VitnasError, match="`then` surrogate:5 needs `labels`"):
        run_search(config("capacity", labels=None, then=("surrogate:5",)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("class Mine:\n    pass\n", "must derive from vitnas.quality.Quality"),
        (
            "from vitnas.quality import Quality\n\n\nclass Mine(Quality):\n    pass\n",
            "must have the method 'score'",
        ),
        (
            'from vitnas.quality import Quality\n\n\nclass Mine(Quality):\n    rates = "networks"\n',
            "must have the method 'measure'",
        ),
        (
            'from vitnas.quality import Quality\n\n\nclass Mine(Quality):\n    rates = "images"\n',
            "rates 'images', expected genomes, networks, trainings",
        ),
        ("from vitnas.quality import Quality\n", "must define the class 'Mine'"),
    ],
)
def test_what_is_no_quality_is_named(own, text, said):
    (own / "mine.py").write_text(text)
    with pytest.raises(VitnasError) as problem:
        run_search(config("mine", labels=None))
    assert said in str(problem.value) and "mine.py" in str(problem.value)
    assert "\n" not in str(problem.value) and not Path("runs").exists()


def test_a_finished_run_is_described_without_its_plugin(own):
    assert caption("surrogate", ("linear",)) == "surrogate. A score is not an accuracy. linear."
    (own / "surrogate.py").unlink()
    assert caption("surrogate", ("linear",)) == "surrogate. A score is not an accuracy. linear."


def test_a_quality_of_two_lines_is_enough(own):
    (own / "first.py").write_text(
        "from vitnas.quality import Quality\n\n\n"
        'class First(Quality):\n    """The first gene."""\n\n'
        "    def score(self, genomes):\n        return genomes[:, 0].astype(float)\n"
    )
    result = run_search(config("first", labels=None))
    assert result.front[-1].quality == 6
    assert "first does not see genes stages.0.blocks.0.repeat" in result.notes[0]
    assert parse_quality("first").classes[0].__mro__[1] is Quality
