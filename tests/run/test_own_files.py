"""A run removes what it has written itself and nothing else; what ends it leaves no run behind that runs."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from vitnas import labelling
from vitnas.errors import ClusterError, InvalidInput, RunError, RunLocked, go_on
from vitnas.run.search import resume_search, run_search
from vitnas.searching.config import SearchConfig
from vitnas.store.folder import RunFolder
from vitnas.store.lock import RunLock

CONFIG = SearchConfig("tiny", trials=60, front=2, seed=1, random_arm=False)

pytestmark = pytest.mark.usefixtures("folder")


def yaml_files(run: Path) -> set[str]:
    return {path.name for path in (run / "best").iterdir()}


def state(run: Path) -> str:
    return str(json.loads((run / "manifest.json").read_text())["state"])


def stop(folder: RunFolder, error: BaseException, copies: Mapping[str, str], **files: str) -> None:
    """Begin a run that writes files, and ends with an error."""
    with folder.held():
        folder.create({}, copies, {})
        for name, text in files.items():
            (folder.path / name).write_text(text)
        raise error


def test_a_file_of_the_user_in_best_stays() -> None:
    run = run_search(CONFIG, name="r").path
    mine = ("mine.yaml", "99-mine.yaml", ".hidden.yaml", "notes.txt")
    for name in mine:
        (run / "best" / name).write_text("mine")
    first = yaml_files(run)
    resume_search(run)
    assert yaml_files(run) == first
    resume_search(run, trials=5000)
    front = json.loads((run / "front.json").read_text())["members"]
    assert yaml_files(run) == {member["file"].removeprefix("best/") for member in front} | set(mine)
    assert all((run / "best" / name).read_text() == "mine" for name in mine)


@pytest.mark.parametrize("name", ["../../out.yaml", "best/../../out.yaml", "/out.yaml", "best/", 7, None])
def test_what_a_manifest_lists_is_removed_in_the_run_only(name: object) -> None:
    run = run_search(CONFIG, name="r").path
    Path("out.yaml").write_text("mine")
    for file, key in (("manifest.json", "files"), ("front.json", "members")):
        found = json.loads((run / file).read_text())
        found[key].append(name if key == "files" else {"file": name})
        (run / file).write_text(json.dumps(found))
    resume_search(run)
    assert Path("out.yaml").read_text() == "mine"


def test_networks_of_a_killed_finish_go_with_the_next() -> None:
    run = run_search(CONFIG, name="r").path
    whole = yaml_files(run)
    folder = RunFolder(run)
    folder.open()
    shutil.copy(run / "best" / min(whole), run / "best" / "07-0123456789ab.yaml")
    folder.update(files=[*folder.manifest["files"], "best/07-0123456789ab.yaml"])  # as it was about to write
    (run / "best" / ".01-x.yaml.0a1b2c3d.tmp").write_text("half")
    (run / ".front.json.0a1b2c3d.tmp").write_text("half")
    resume_search(run)
    assert yaml_files(run) == whole
    assert not list(run.glob(".*.tmp"))


def test_a_name_of_a_run_that_failed_is_free_and_nothing_of_it_is_taken_over() -> None:
    folder = RunFolder("runs/r")
    copies = {"space.yaml": "{}", "labels.csv": "genome,top1\n"}
    log = '{"task": "a", "failure": "broken"}\n'
    left = dict.fromkeys(("reference_sample.json", "quality-2.json", "quality-notes.json"), "{}")
    with pytest.raises(InvalidInput):
        stop(folder, InvalidInput("wrong"), copies, **{folder.log.name: log}, **left)
    assert state(folder.path) == "failed"
    run = run_search(CONFIG, name="r").path
    assert (run / "quality-notes.json").read_text() == "{}"
    assert not (run / "labels.csv").exists() and not (run / "quality-2.json").exists()


@pytest.mark.parametrize("error", [ClusterError("no raylet"), RunError("the disk is full")])
def test_what_stops_a_run_says_how_to_go_on(error: Exception) -> None:
    folder = RunFolder("runs/r")
    with pytest.raises(type(error)) as said:
        stop(folder, error, {}, **{folder.log.name: '{"task": "a", "scores": {"x": 1}}\n'})
    assert go_on(folder.path) in str(said.value) and state(folder.path) == "interrupted"


def test_a_second_interruption_says_how_to_go_on() -> None:
    folder = RunFolder("runs/r")
    with pytest.raises(KeyboardInterrupt) as said:
        stop(folder, KeyboardInterrupt(), {})
    assert go_on(folder.path) in str(said.value) and state(folder.path) == "interrupted"


def test_a_stop_before_anything_was_begun_leaves_nothing() -> None:
    with pytest.raises(KeyboardInterrupt), RunFolder.new("runs", "r").held():
        raise KeyboardInterrupt
    assert list(Path("runs").iterdir()) == []


def test_searches_without_a_name_get_folders_of_their_own() -> None:
    found: list[Path] = []
    threads = [
        threading.Thread(target=lambda: found.append(RunFolder.new("runs", "r").path)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 8


def test_labels_are_added_whole_or_not_at_all() -> None:
    run = run_search(CONFIG, name="r").path
    asked = labelling.ask_labels(run, 4)
    again = labelling.ask_labels(run, 3)
    assert (asked.folder.name, again.folder.name) == ("to_label", "to_label-2")
    header, *rows = asked.table.read_text().splitlines()
    for k, part in enumerate((rows[:2], rows[2:])):
        Path(f"{k}.csv").write_text("\n".join([header, *(f"{row}{70 + k}.5" for row in part)]) + "\n")
    labelling.add_labels(run, "0.csv")
    table = run / "new_labels.csv"
    table.write_text(table.read_text().rstrip("\n"))  # as an editor leaves it
    assert labelling.add_labels(run, "1.csv").known == 4
    assert len(table.read_text().splitlines()) == 5
    assert labelling.add_labels(run, "1.csv").added == 0
    with RunLock(run), pytest.raises(RunLocked):
        labelling.add_labels(run, "0.csv")
    table.write_text("genome,accuracy\nbroken\n")
    with pytest.raises(InvalidInput):
        labelling.add_labels(run, "0.csv")
    assert table.read_text() == "genome,accuracy\nbroken\n"
