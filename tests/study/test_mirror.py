"""A study that follows a run: never in its way, and whole in the end."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest

from vitnas.errors import StorageError
from vitnas.events import Silent
from vitnas.run.prepare import Setup, prepare
from vitnas.run.search import resume_search, run_search
from vitnas.searching.config import SearchConfig
from vitnas.store.folder import RunFolder
from vitnas.study import mirror as mirror_module
from vitnas.study.mirror import Mirror, Pace, mirroring
from vitnas.study.sync import StudySync, write_study
from vitnas.study.url import StorageUrl

DEADLINE_S = 120.0  # of waiting for another thread: far more than it takes


class Heard(Silent):
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture
def run(searched_runs: Path) -> RunFolder:
    folder = RunFolder(searched_runs / "built")
    folder.open()
    return folder


@pytest.fixture
def setup(run: RunFolder) -> Setup:
    return prepare(SearchConfig.from_dict(run.open()), Silent(), run.path, measures=False)


HURRY = Pace(poll_s=0.01, share=1.0, retry_s=(0.01, 0.01))


def trials(url: StorageUrl) -> int:
    """As the database has them; Optuna would make the tables, too, at the same moment as the mirror."""
    with contextlib.closing(sqlite3.connect(url.text.removeprefix("sqlite:///"))) as database:
        try:
            return int(database.execute("select count(*) from trials").fetchone()[0])
        except sqlite3.OperationalError:
            return 0


def wait_for(happened: Callable[[], Any]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_trials_come_as_the_log_grows(run: RunFolder, setup: Setup) -> None:
    lines = run.log.read_bytes().splitlines(keepends=True)
    first = {tuple(json.loads(line)["genome"]) for line in lines[:20]}
    run.log.write_bytes(b"".join(lines[:20]) + lines[20][:7])  # the driver is just writing
    url, heard = StorageUrl("sqlite:///m.db"), Heard()
    with Mirror(url, setup, run, heard, pace=HURRY):
        wait_for(lambda: trials(url) == len(first))
        run.log.write_bytes(b"".join(lines))
    assert not heard.warnings
    attributes = [t.user_attrs for t in optuna.load_study(study_name="built", storage=url.text).trials]
    write_study(run.path, "sqlite:///s.db")
    whole = optuna.load_study(study_name="built", storage="sqlite:///s.db").trials
    assert attributes == [t.user_attrs for t in whole], "what came later is there as well"
    assert write_study(run.path, url.text).added == 0


def test_a_search_with_a_mirror_is_the_same_search(searched_runs: Path) -> None:
    plain, watched = searched_runs / "built", searched_runs / "watched"
    config = SearchConfig.from_dict(RunFolder(plain).open())
    run_search(config, root=searched_runs, name="watched", beside=mirroring("sqlite:///m.db"))
    for name in ("front.json", "whole_front.json"):
        assert (plain / name).read_bytes() == (watched / name).read_bytes()
    assert "m.db" not in "".join(f.read_text() for f in watched.glob("*.json"))
    assert write_study(watched, "sqlite:///m.db").added == 0
    before = len(optuna.load_study(study_name="watched", storage="sqlite:///m.db").trials)
    resume_search(watched, trials=10, beside=mirroring("sqlite:///m.db"))
    after = optuna.load_study(study_name="watched", storage="sqlite:///m.db").trials
    assert len(after) == len({t.user_attrs["genome"] for t in after}) >= before + 2


def test_a_mirror_that_fails_says_so_once(run: RunFolder, setup: Setup) -> None:
    heard = Heard()
    url = StorageUrl("sqlite:////nowhere/to/be/found.db", "`mirror`")
    with Mirror(url, setup, run, heard, pace=HURRY) as beside:
        wait_for(lambda: heard.warnings)
        time.sleep(0.1)  # it tries again
    assert not beside._thread.is_alive()
    (said,) = heard.warnings
    assert said.startswith("`mirror`: sqlite:////nowhere/to/be/found.db: unable to open database file; ")
    assert said.endswith(f"'vitnas study {run.path}' adds the rest")


def test_no_password_in_what_it_says(run: RunFolder, setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    url = StorageUrl("postgresql+psycopg://me:s3cret@host/db", "`mirror`")

    def fails(*_: Any) -> None:
        raise RuntimeError(f"cannot reach {url.text}")

    monkeypatch.setattr(mirror_module, "recorded_quality", fails)
    heard = Heard()
    with Mirror(url, setup, run, heard, pace=HURRY):
        wait_for(lambda: heard.warnings)
    assert "s3cret" not in heard.warnings[0] and "me:***@host" in heard.warnings[0]


def test_a_storage_that_comes_back_gets_everything(run: RunFolder, setup: Setup, tmp_path: Path) -> None:
    heard, url = Heard(), StorageUrl(f"sqlite:///{tmp_path}/late/m.db")
    with Mirror(url, setup, run, heard, pace=HURRY):
        wait_for(lambda: heard.warnings)
        (tmp_path / "late").mkdir()
    assert len(heard.warnings) == 1
    assert write_study(run.path, url.text).added == 0


def test_the_end_does_not_wait_for_ever(
    run: RunFolder, setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs = threading.Event()
    monkeypatch.setattr(StudySync, "finish", lambda self, listener: hangs.wait(DEADLINE_S))
    heard = Heard()
    with Mirror(StorageUrl("sqlite:///m.db"), setup, run, heard, pace=replace(HURRY, last_s=0.05)) as beside:
        pass
    assert beside._thread.is_alive() and beside._thread.daemon
    assert len(heard.warnings) == 1 and "did not get everything over within 0.05 s" in heard.warnings[0]
    hangs.set()
    beside._thread.join(DEADLINE_S)


def test_a_run_without_scores_has_no_study_yet(run: RunFolder, setup: Setup) -> None:
    (run.path / "reference_sample.json").unlink()
    heard, url = Heard(), StorageUrl("sqlite:///m.db")
    with Mirror(url, setup, run, heard, pace=HURRY):
        time.sleep(0.1)
    assert not heard.warnings and not Path("m.db").exists()


def test_an_interrupted_search_is_brought_over(run: RunFolder, setup: Setup) -> None:
    url = StorageUrl("sqlite:///m.db")
    with pytest.raises(KeyboardInterrupt), Mirror(url, setup, run, Silent()):
        raise KeyboardInterrupt
    assert trials(url) > 0


def test_a_wrong_url_is_refused_before_the_search() -> None:
    assert mirroring(None) is None
    with pytest.raises(StorageError, match="`mirror`: this is no URL of a database"):
        mirroring("study.db")
