"""The run object: what it shows, how it goes on, and that every state of a folder can be read."""

from __future__ import annotations

import dataclasses
import json
import logging
import shutil
import sys

import numpy as np
import pytest

import vitnas
from vitnas.api.watching import watching
from vitnas.errors import RunCorrupt, RunError, RunLocked, VitnasError
from vitnas.events import Silent
from vitnas.space.files import load_space
from vitnas.store.folder import RunFolder

SETTINGS = {"max_params": "40k", "trials": 3000, "front": 3}


class Interrupting(Silent):
    """Presses Ctrl-C at a stage, or at the n-th snapshot of the loop."""

    def __init__(self, stage="", snapshots=0):
        self.name, self.snapshots = stage, snapshots

    def stage(self, name, detail=""):
        if name == self.name:
            raise KeyboardInterrupt

    def snapshot(self, snapshot):
        self.snapshots -= 1
        if self.snapshots == 0:
            raise KeyboardInterrupt


@pytest.fixture
def run(searched_runs):
    return vitnas.load_run(searched_runs / "ranked")


def edit(folder, name, **changes):
    file = folder / name
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def test_a_run_shows_itself(run):
    first, second, third = repr(run).splitlines()
    assert first.startswith("<Run ranked: finished, 3,000 trials")
    assert "2 of them here; best quality" in second
    assert third.endswith("ranked>")
    html = run._repr_html_()
    assert html.count("<tr") == 1 + 2 + 1  # the head, the front, the published network
    assert "A score is not an accuracy" in html
    assert "evolution: 3,000 feasible candidates scored" in run.report()


def test_searching_and_loading_give_the_same(folder):
    run = vitnas.search(
        "tiny", target="iphone12", resolution_px=224, quality="capacity", name="a", **SETTINGS
    )
    loaded = vitnas.load_run("runs/a")
    assert repr(loaded) == repr(run)
    assert loaded.report().replace(str(folder), "") == run.report()
    for one, other in zip(run.front, loaded.front, strict=True):
        changes = {"health": {}, "folder": one.folder}
        assert dataclasses.replace(one, **changes) == dataclasses.replace(other, **changes)
    names = [f.name for f in dataclasses.fields(run.result)]
    same = set(names) - {"path", "front", "references", "seconds"}
    assert {n: getattr(run.result, n) for n in same} == {n: getattr(loaded.result, n) for n in same}


def test_a_space_of_ones_own_is_searched_and_resumed(folder):
    space = load_space("tiny")
    shutil.rmtree("search_spaces")
    run = vitnas.search(space, name="own", progress=False, **SETTINGS)
    assert run.space.hash == space.hash and run.settings["space"] == "tiny"
    assert run.resume(trials="4k", progress=False) is run
    assert (run.state, run.result.trials) == ("finished", 4000)


def test_an_interrupted_search_is_a_run_that_goes_on(folder):
    run = vitnas.search("tiny", name="cut", progress=Interrupting(snapshots=2), **SETTINGS)
    assert run.state == "interrupted" and len(run.front) and "interrupted" in repr(run)
    assert run.front[0].build(num_classes=3)
    whole = vitnas.search("tiny", name="whole", progress=False, **SETTINGS)
    assert run.resume(progress=False).state == "finished"
    assert (run.path / "front.json").read_bytes() == (whole.path / "front.json").read_bytes()


def test_interrupted_before_anything_was_found(folder):
    early = Interrupting("scoring a reference sample")
    run = vitnas.search("tiny", quality="naswot", trials=4, front=1, name="early", progress=early)
    assert run.state == "interrupted" and list(run.front) == [] == list(run.whole_front)
    assert "nothing found so far" in repr(run) and "nothing found so far" in run._repr_html_()
    assert run.resume(progress=False).state == "finished" and len(run.front) == 1


def test_interrupted_before_there_is_a_folder(folder):
    with pytest.raises(KeyboardInterrupt):
        vitnas.search("tiny", name="none", progress=Interrupting("pricing blocks"))
    assert not (folder / "runs").exists()


def test_a_run_that_another_process_works_on_is_a_snapshot(folder):
    run = vitnas.search("tiny", name="long", progress=False, front=2, trials=40_000)
    edit(run.path, "manifest.json", state="running")
    (run.path / "front.json").unlink()
    with RunFolder(run.path).held():
        now = vitnas.load_run(run.path)
        assert now.state == "running" and "running in process" in repr(now)
        assert 0 < now.result.trials <= 40_000 and len(now.front) == 2
        assert now.front[0].build() and now.front[1].costs["params"] and now._repr_html_()
        assert len(now.whole_front) == now.result.front_size
        with pytest.raises(RunLocked, match="process"):
            now.resume(trials=50_000, progress=False)
    assert now.refresh() is now and now.state == "died" and now.held_by == ""


def test_what_a_run_ended_with_before_it_went_on_counts_until_more_is_known(run):
    edit(run.path, "manifest.json", state="running")  # its first checkpoint knows less
    assert repr(vitnas.load_run(run.path).front) == repr(run.front)


def test_a_run_of_the_version_before_is_read(run):
    manifest = json.loads((run.path / "manifest.json").read_text())
    del manifest["counts"]
    (run.path / "manifest.json").write_text(json.dumps(manifest))
    assert vitnas.load_run(str(run.path)).front[0].quality == run.front[0].quality


@pytest.mark.parametrize("name", ["manifest.json", "front.json", "reference.json"])
def test_a_damaged_file_is_one_error(run, name):
    for text in ("{", "[]", '{"members": 3}', '{"members": [{"id": 3}], "objectives": 2}'):
        (run.path / name).write_text(text)
        with pytest.raises(RunError) as problem:
            vitnas.load_run(run.path)
        assert str(run.path) in str(problem.value) and "\n" not in str(problem.value)
    (run.path / "whole_front.json").write_text('{"genomes": ["zz"]}')
    with pytest.raises(RunCorrupt, match=r"whole_front.json: cannot be read"):
        run.whole_front  # noqa: B018


def test_what_is_no_run_and_what_is_newer(run, tmp_path):
    with pytest.raises(RunError, match="no run in"):
        vitnas.load_run(tmp_path)
    edit(run.path, "manifest.json", format=99)
    with pytest.raises(RunError, match="newer layout"):
        vitnas.load_run(run.path)
    edit(run.path, "manifest.json", format="prune 1")
    with pytest.raises(RunError, match="a newer vitnas wrote"):
        vitnas.load_run(run.path)


def test_labels_and_studies_of_a_run(run):
    asked = run.ask_labels(3)
    assert len(asked.files) == 3
    rows = asked.table.read_text().splitlines()
    asked.table.write_text("\n".join([rows[0], *(f"{row}{70 + k}" for k, row in enumerate(rows[1:]))]))
    assert run.add_labels(asked.table).added == 3
    assert run.write_study(f"sqlite:///{run.path}/study.db").trials > 0


def test_a_search_learns_from_a_run_with_its_settings(folder, run, monkeypatch):
    from vitnas.api.inputs import read_all
    from vitnas.api.keywords import SEARCH_READERS
    from vitnas.api.start_search import search_config

    config, _ = search_config(read_all(SEARCH_READERS, {"labels": run}, of="search"))
    assert config.quality == "fitted" and config.space == str(run.path / "space.yaml")
    assert config.budgets == (("max-params", "40k"),)
    config, _ = search_config(read_all(SEARCH_READERS, {"labels": run, "max_macs": 1e9}, of="search"))
    assert config.budgets == (("max-macs", "1000000000"),)


def test_a_dry_run(folder):
    found = vitnas.search("tiny", max_params="40k", dry_run=True)
    assert found.space == "tiny" and found.trials and not (folder / "runs").exists()


def test_a_dry_run_finds_what_stops_a_search(folder, monkeypatch):
    (folder / "taken" / "a").mkdir(parents=True)
    (folder / "taken" / "a" / "manifest.json").write_text("{}")
    (folder / "file").write_text("")
    for said, settings in (
        ("cannot make file: .*file is no folder", {"out": "file"}),
        ("taken/a", {"out": "taken", "name": "a"}),
        ("Can't load plugin", {"mirror": "nonsense://x"}),
        ("needs the package 'psycopg", {"mirror": "postgresql://u@localhost/x"}),
        ("needs the package 'ray'", {"ray": "local"}),
    ):
        for package in ("psycopg", "psycopg2", "ray"):
            monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(VitnasError, match=said):
            vitnas.search("tiny", dry_run=True, **settings)


def test_stages_and_warnings_are_logged_and_nothing_is_printed(folder, caplog, capsys):
    with caplog.at_level(logging.INFO, "vitnas"):
        vitnas.search("tiny", name="a", progress=False, **SETTINGS)
        with watching(False) as watch:
            watch.warn("100 % gone")
    assert [r.levelname for r in caplog.records if r.message.startswith("searching")] == ["INFO"]
    assert [r.levelname for r in caplog.records if r.message == "100 % gone"] == ["WARNING"]
    assert capsys.readouterr() == ("", "")
    vitnas.search("tiny", name="b", **SETTINGS)  # nobody looks: no terminal, no notebook
    assert capsys.readouterr() == ("", "")
    vitnas.search("tiny", name="c", progress=True, **SETTINGS)
    out, err = capsys.readouterr()
    assert out == "" and "searching" in err


def test_the_whole_front_becomes_networks(run):
    whole = run.whole_front
    assert len(whole) == run.result.front_size >= len(run.front)
    ids = {member.id for member in run.front}
    assert ids <= {member.id for member in whole}
    frame = whole.to_pandas()
    assert len(frame) == len(whole) and frame["quality"].max() == pytest.approx(whole.best().quality)
    genome = np.frombuffer(bytes.fromhex(frame["genome"][0]), np.uint8)
    assert tuple(genome.tolist()) == whole[0].genome
