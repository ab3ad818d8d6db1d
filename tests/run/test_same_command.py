"""``--resume`` with a whole command: one command for a job that is retried."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vitnas.cli.main import main
from vitnas.run.search import run_search
from vitnas.searching.config import SearchConfig

SEARCH = (
    *("search", "--space", "tiny", "--trials", "300", "--front", "2", "--max-params", "80k"),
    *("--workers", "1", "--resume", "runs/a"),
)
SCALE = ("scale", "tiny:known", "--to", "70k", "--rule", "compound", "--workers", "1", "--resume", "runs/f")


pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture
def run(capsys):
    def call(*arguments):
        with pytest.raises(SystemExit) as done:
            main(list(arguments))
        said = capsys.readouterr()
        return done.value.code, said.out, said.err

    return call


def test_a_search_begins_and_goes_on(run):
    code, out, err = run(*SEARCH)
    assert code == 0, err
    first = Path("runs/a/front.json").read_bytes()
    manifest = json.loads(Path("runs/a/manifest.json").read_text())
    Path("runs/a/manifest.json").write_text(json.dumps({**manifest, "state": "running"}))  # as if killed
    assert run(*SEARCH)[0] == 0
    assert Path("runs/a/front.json").read_bytes() == first
    assert json.loads(Path("runs/a/manifest.json").read_text())["state"] == "finished"
    config = SearchConfig("tiny", trials=300, front=2, budgets=(("max-params", "80k"),))
    run_search(config, name="b")
    assert Path("runs/b/front.json").read_bytes() == first

    code, out, err = run(*SEARCH, "--seed", "1")
    assert code == 2 and err.startswith("error: runs/a: the run has --seed 0, this command --seed 1")
    assert err.count("\n") == 1
    extended = ["400" if word == "300" else word for word in SEARCH]  # a run may be extended
    code, out, err = run(*extended, "--json")
    assert code == 0 and json.loads(out)["trials"] == 400


def test_options_of_the_strategy_are_settings_of_the_run(run):
    assert "strategy_options" not in SearchConfig("tiny").to_dict(), "as in runs from before there were any"
    own = (*SEARCH[:-1], "runs/b", "--strategy-option", "tournament=4", "--strategy-option", "mutation=2")
    assert run(*own)[0] == 0
    kept = json.loads(Path("runs/b/manifest.json").read_text())["config"]["strategy_options"]
    assert kept == {"tournament": 4, "mutation": 2}
    code, _, err = run(*own[:-2])
    assert code == 2 and "has --strategy-option tournament=4,mutation=2, this command --" in err
    code, _, err = run(*own[:-4])
    assert code == 2 and "mutation=2, this command no --strategy-option" in err


def test_a_wrong_option_of_the_strategy_leaves_no_folder(run):
    code, _, err = run(*SEARCH, "--strategy-option", "tournamet=4", "--strategy-option", "mutation=no")
    assert (
        code == 2 and "did you mean 'tournament'?" in err and "mutation: expected a number, got 'no'" in err
    )
    assert not Path("runs/a").exists()


def test_without_settings_it_only_goes_on(run):
    code, _, err = run("search", "--resume", "runs/no")
    assert (code, err) == (2, "error: no run in 'runs/no' (manifest.json is missing)\n")
    code, _, err = run(*SEARCH[:3], "--resume", "runs/no", "--target", "nowhere")
    assert code == 2 and "nowhere" in err
    assert not Path("runs/no").exists()


def test_a_family_begins_and_goes_on(run):
    code, _, err = run(*SCALE)
    assert code == 0, err
    first = Path("runs/f/family.json").read_bytes()
    assert run(*SCALE)[0] == 0
    assert Path("runs/f/family.json").read_bytes() == first
    code, _, err = run(*SCALE[:3], "60k", *SCALE[4:])
    assert code == 2 and "the run has --to 70000, this command --to 60000" in err
    code, _, err = run(*SCALE, "--out", "there")
    assert code == 2 and "--out cannot stand beside --resume, which names the run's folder" in err
    code, _, err = run(*SEARCH[:-1], "runs/f")
    assert code == 2 and "a run of 'vitnas scale', not of 'vitnas search'" in err


def test_a_broken_line_is_refused_until_it_is_repaired(run):
    command = ("search", "--space", "tiny", "--quality", "naswot", "--trials", "12", "--front", "2")
    config = SearchConfig("tiny", quality="naswot", trials=12, front=2)
    run_search(config, name="a")
    first = Path("runs/a/front.json").read_bytes()
    log = Path("runs/a/evaluations.jsonl")
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join([*lines[:4], lines[4][:30] + b"\n", *lines[5:]]))
    code, _, err = run(*command, "--workers", "1", "--resume", "runs/a")
    assert code == 2 and "line 5 is broken" in err and "vitnas runs repair runs/a" in err
    code, out, _ = run("runs", "repair", "runs/a")
    assert code == 0 and "line 5 (31 bytes) is dropped" in out
    assert run(*command, "--workers", "1", "--resume", "runs/a")[0] == 0
    assert Path("runs/a/front.json").read_bytes() == first
