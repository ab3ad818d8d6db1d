"""A disk that is full or read-only stops a run with one line; what was told is safe, and it goes on later."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess

import pytest

from vitnas.searching.config import SearchConfig

from .conftest import front, log
from .small import IN_FLIGHT

SAYS = {
    "ENOSPC": "No space left on device",
    "EROFS": "Read-only file system",
    "EIO": "Input/output error",
}


@pytest.fixture
def config(proxy):
    settings = {"trials": 12, "front": 2, "seed": 3, "quality": proxy("cheap"), "in_flight": IN_FLIGHT}
    return SearchConfig("tiny", **settings).to_dict()


@pytest.fixture
def mounted(folder):
    """``runs`` is a file system of its own of 1 MB; returns what remounts it."""
    runs = folder / "runs"
    runs.mkdir()

    def mount(*options: str) -> None:
        command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(runs)]
        try:
            done = subprocess.run(command, capture_output=True, text=True)
        except FileNotFoundError:
            pytest.skip("this system has no mount")
        if done.returncode:
            pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")

    mount("size=1m")
    yield lambda *options: mount("remount", "size=1m", *options)
    subprocess.run(["umount", str(runs)], check=True)


def is_one_line(error: str, says: str) -> bool:
    return "\n" not in error and says in error and "Traceback" not in error


def test_every_write_that_fails_stops_the_run_with_one_line(server, folder, config):
    whole = server.whole(folder, config)
    draw = random.Random(3)
    for k, error in enumerate(SAYS):
        at = 1 + (k * whole.writes + draw.randrange(whole.writes)) // len(SAYS)
        run = folder / f"runs/cut-{k}"
        at, stopped = server.fail(folder, config, name=run.name, at=at, error=error)
        assert is_one_line(stopped["error"], SAYS[error]), (at, stopped)
        told = log(run)
        assert server.go_on(folder, config, run.name) == "finished", at
        assert log(run).startswith(told)
        assert front(run) == whole.front


def test_a_full_disk(server, folder, config, mounted):
    wanted = server.whole(folder, config).front
    for name, left in (("begins", 8192), ("searches", 40960)):
        ballast = folder / "runs/ballast"
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        os.truncate(ballast, ballast.stat().st_size - left)
        stopped = server(folder, config, name=name)
        assert is_one_line(stopped["error"], SAYS["ENOSPC"]), stopped
        run = folder / "runs" / name
        told = log(run)
        ballast.unlink()
        assert server.go_on(folder, config, name) == "finished"
        assert log(run).startswith(told) and front(run) == wanted


def test_a_file_that_may_not_grow(server, folder, config):
    whole = server.whole(folder, config)
    stopped = server(folder, config, name="cut", file_limit=4000)
    assert is_one_line(stopped["error"], "File too large"), stopped
    assert "go on with `vitnas.load_run('runs/cut').resume()`" in stopped["error"]
    told = log(folder / "runs/cut")
    assert server(folder, resume="cut")["state"] == "finished"
    assert log(folder / "runs/cut").startswith(told)
    assert front(folder / "runs/cut") == whole.front


def test_a_folder_that_is_read_only(server, folder, config, mounted):
    whole = server.whole(folder, config)
    server(folder, config, name="cut", at=whole.writes // 2)
    told = log(folder / "runs/cut")
    mounted("ro")
    for answer in (server(folder, resume="cut"), server(folder, config, name="new")):
        assert is_one_line(answer["error"], SAYS["EROFS"]), answer
    mounted("rw")
    assert server(folder, resume="cut")["state"] == "finished"
    assert log(folder / "runs/cut").startswith(told)
    assert front(folder / "runs/cut") == whole.front
