"""A run that is killed and resumed ends with the front of the undisturbed one, bit for bit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

# checkpoints at every round, so that a kill falls between any two of them
DRIVER = """
import sys
from functools import partial
import vitnas.run.main_loop as stage
from vitnas.cli.main import main
from vitnas.run import search
from vitnas.run.prepare import RatingSettings
stage.CHECKPOINT_S = 0.0
stage.CHECKPOINT_SHARE = float("inf")
few = RatingSettings(reference_networks=4, batch=512)
search.run_search = partial(search.run_search, rating=few)
search.resume_search = partial(search.resume_search, rating=few)
main()
"""

RANK = [
    "search",
    "--space",
    "tiny",
    "--target",
    "phone",
    "--max-params",
    "100k",
    "--trials",
    "20000",
    "--front",
    "3",
]
PROXY = [
    "search",
    "--space",
    "tiny",
    "--max-params",
    "100k",
    "--trials",
    "24",
    "--front",
    "2",
    "--quality",
    "naswot",
    "--in-flight",
    "8",
]


def start(*arguments: str) -> subprocess.Popen[str]:
    """`vitnas ARGUMENTS` in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", DRIVER, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def run(*arguments: str) -> str:
    """`vitnas ARGUMENTS`, to its end."""
    process = start(*arguments)
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0, out
    return out


def kill_when(process: subprocess.Popen[str], condition) -> None:
    """SIGKILL the process and its children as soon as the condition holds (or let it end)."""
    until = time.monotonic() + 120
    while process.poll() is None and not condition() and time.monotonic() < until:
        time.sleep(0.002)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def front(run_folder: str) -> bytes:
    """All that the settings decide."""
    folder = Path("runs") / run_folder
    return (folder / "whole_front.json").read_bytes() + (folder / "front.json").read_bytes()


def report(run_folder: str):
    return json.loads((Path("runs") / run_folder / "front.json").read_text())


def state(name: str):
    file = Path("runs") / name / "screen.npz"
    return file.stat().st_mtime_ns if file.exists() else 0


def test_killed_while_ranking(devices):
    run(*RANK, "--name", "whole")
    process = start(*RANK, "--name", "cut")
    for wanted in (1, 4, 9):  # kills after some checkpoints each
        seen: set[int] = set()

        def enough(seen=seen, wanted=wanted):
            seen.add(state("cut"))
            return len(seen - {0}) >= wanted

        kill_when(process, enough)
        process = start("search", "--resume", "runs/cut")
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0, out
    assert front("cut") == front("whole")


@pytest.mark.parametrize("strategy", ["evolution", "optuna-tpe"])
def test_killed_while_measuring(devices, strategy):
    arguments = [*PROXY, "--strategy", strategy]
    run(*arguments, "--name", "whole", "--workers", "2")
    log = Path("runs/cut/evaluations.jsonl")
    process = start(*arguments, "--name", "cut", "--workers", "1")
    for wanted in (2, 9, 20, 27):
        kill_when(process, lambda wanted=wanted: lines(log) >= wanted)
        before = log.read_bytes()
        process = start("search", "--resume", "runs/cut", "--workers", "1")
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0, out
    assert front("cut") == front("whole")
    assert log.read_bytes().startswith(before[: before.rfind(b"\n") + 1])
    tasks = [json.loads(line)["task"] for line in log.read_text().splitlines()]
    assert len(tasks) == len(set(tasks)), "nothing is measured twice"


def test_interrupted_it_writes_the_front_so_far_and_goes_on(devices):
    long = [*RANK[:-4], "--trials", "10m", "--front", "2", "--name", "long"]
    process = start(*long)
    while state("long") == 0 and process.poll() is None:
        pass
    os.killpg(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in out and "--resume" in out
    members = report("long")["members"]
    assert members and (Path("runs/long") / members[0]["file"]).is_file()
    manifest = json.loads(Path("runs/long/manifest.json").read_text())
    assert manifest["state"] == "interrupted"


def test_a_second_search_on_one_folder_is_refused(devices):
    process = start(*[*RANK[:-4], "--trials", "10m", "--name", "busy"])
    while state("busy") == 0 and process.poll() is None:
        pass
    second = start("search", "--resume", "runs/busy")
    out, _ = second.communicate(timeout=120)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert second.returncode == 2
    assert str(process.pid) in out and "Traceback" not in out


def test_a_changed_space_is_refused(devices):
    run(*RANK, "--name", "whole")
    copy = Path("runs/whole/space.yaml")
    copy.write_text(copy.read_text().replace("classes: 10", "classes: 11"))
    second = start("search", "--resume", "runs/whole")
    out, _ = second.communicate(timeout=120)
    assert second.returncode == 2 and "space.yaml" in out


def test_a_finished_run_can_be_extended(devices):
    run(*RANK, "--name", "short")
    before = report("short")
    run("search", "--resume", "runs/short", "--trials", "30000")
    after = report("short")
    assert (before["trials"], after["trials"]) == (20000, 30000)
    assert after["hypervolume"] >= before["hypervolume"]


def test_resuming_a_finished_run_changes_nothing(devices):
    run(*RANK, "--name", "done")
    before, log = front("done"), Path("runs/done/evaluations.jsonl").read_bytes()
    run("search", "--resume", "runs/done")
    assert front("done") == before and Path("runs/done/evaluations.jsonl").read_bytes() == log
