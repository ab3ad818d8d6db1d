"""A run that dies in a rung, or between two, ends with the winners of the undisturbed one, bit for bit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from vitnas.events import Silent
from vitnas.run import search as searches
from vitnas.run.prepare import RatingSettings
from vitnas.searching.config import SearchConfig

FEW = RatingSettings(reference_networks=3, shown=("naswot",))
run_search, resume_search = (
    partial(begin, rating=FEW) for begin in (searches.run_search, searches.resume_search)
)
THEN = ("depth:20", "naswot:6", "zico+params:3")
WRITTEN = ("front.json", "whole_front.json", "rungs.json", "reference.json")


def config():
    return SearchConfig(
        "tiny", trials=400, front=3, budgets=(("max-params", "100k"),), random_arm=False, then=THEN
    )


def files(name):
    folder = Path("runs") / name
    best = sorted(folder.glob("best/*.yaml"))
    timeless = [(folder / file).read_bytes() for file in WRITTEN[:3]]
    return [*timeless, [file.name for file in best]]


def tasks(name):
    lines = (Path("runs") / name / "evaluations.jsonl").read_text().splitlines()
    return [json.loads(line)["task"] for line in lines]


class Killed(BaseException):
    """Nothing catches it: what the process would do at its end is not done."""


class Kill(Silent):
    """Dies at the n-th thing that is told of networks."""

    def __init__(self, left):
        self.left = left
        self.at_work = False

    def stage(self, name, detail=""):
        self.at_work = name.startswith(("rung", "scoring", "checking"))
        self._count()

    def count(self, done, total=None):
        self._count()

    def _count(self):
        self.left -= self.at_work
        if self.at_work and self.left == 0:
            raise Killed


def test_killed_anywhere_it_ends_with_the_same_winners(folder):
    run_search(config(), name="whole")
    with pytest.raises(Killed):
        run_search(config(), name="cut", listener=Kill(1))
    deaths, result, spent = 1, None, {}
    while result is None:
        rows = json.loads((Path("runs/cut") / "manifest.json").read_text()).get("rungs", [])
        assert all(row["seconds"] >= spent.get(row["quality"], 0.0) for row in rows)
        assert len(rows) >= len(spent), "no time is forgotten"
        spent = {row["quality"]: row["seconds"] for row in rows}
        before = (Path("runs/cut") / "evaluations.jsonl").read_bytes()
        try:
            result = resume_search("runs/cut", listener=Kill(3 + deaths))
        except Killed:
            deaths += 1
        assert (Path("runs/cut") / "evaluations.jsonl").read_bytes().startswith(before)
        assert deaths < 30
    assert deaths > 3
    assert files("cut") == files("whole")
    assert tasks("cut") == tasks("whole"), "nothing is lost, nothing is measured twice"


DRIVER = """
from functools import partial
from vitnas.cli.main import main
from vitnas.run import search
from vitnas.run.prepare import RatingSettings
few = RatingSettings(reference_networks=3, shown=("naswot",))
search.run_search = partial(search.run_search, rating=few)
search.resume_search = partial(search.resume_search, rating=few)
main()
"""


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, "-c", DRIVER, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def when(process, rung, lines):
    """Wait until the log has so many lines of a rung's proxies; what happens first."""
    log = Path("runs/cut/evaluations.jsonl")
    until = time.monotonic() + 200
    while process.poll() is None and time.monotonic() < until:
        if log.exists() and log.read_text().count(f":{rung}:") >= lines:
            return
        time.sleep(0.005)


@pytest.mark.slow
def test_sigkill_and_ctrl_c_on_the_command_line(folder):
    """SIGKILL in the first network rung, Ctrl-C in the second."""
    run_search(config(), name="whole")
    options = [*("search", "--space", "tiny", "--max-params", "100k", "--no-random-arm", "--front", "3")]
    options += ["--trials", "400", *(part for rung in THEN for part in ("--then", rung))]
    process = start(*options, "--name", "cut", "--workers", "2")
    when(process, "naswot", 5)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    process = start("search", "--resume", "runs/cut", "--workers", "1")
    when(process, "zico", 4)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=200)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "Go on with: vitnas search --resume runs/cut" in err
    assert "zico+params: interrupted" in out and "naswot" in out
    assert list(Path("runs/cut/best").glob("*.yaml"))
    assert json.loads(Path("runs/cut/manifest.json").read_text())["state"] == "interrupted"
    process = start("search", "--resume", "runs/cut", "--workers", "1", "--json")
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    printed = json.loads(out)
    assert [rung["quality"] for rung in printed["rungs"]] == ["capacity", "depth", "naswot", "zico+params"]
    assert all(rung["whole"] for rung in printed["rungs"])
    assert "rung 3 of 3: zico+params, 3 networks" in err
    assert files("cut") == files("whole")
    assert len(tasks("cut")) == len(set(tasks("cut"))) == len(tasks("whole"))
