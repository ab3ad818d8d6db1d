"""One run of `chaos.py`: start it, kill who is to die, resume it, hold it against the undisturbed one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any

from _chaos_case import SAMPLE, Case, arguments, write_files
from _chaos_cluster import LocalCluster, kill, processes
from _chaos_compare import Whole, compare, count_lines, front, read_log, whole_lines

LONGEST_S = 600.0  # of a command; more is a search that hangs
ORPHANED_S = 120.0  # that a worker may live after its driver: it may still be importing torch
ATTEMPTS = 5  # to hit a run before it ends
PROXY = "cheap.py"  # in the tasks of sample and search


@dataclass
class Command:
    """A ``vitnas`` process."""

    pid: int
    output: Path

    @property
    def code(self) -> int | None:
        """Its exit code; None while it runs, and -9 after it was killed."""
        file = Path(f"{self.output}.code")
        if file.is_file() and (text := file.read_text(encoding="utf-8")):
            return int(text)
        return None if self.is_alive else -9

    @property
    def is_alive(self) -> bool:
        try:
            return Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
        except OSError:
            return False

    def wait(self) -> int:
        """Its exit code.

        Raises:
            TimeoutError: it hangs; it is killed.
        """
        until = time.monotonic() + LONGEST_S
        while (code := self.code) is None:
            if time.monotonic() > until:
                kill(self.pid)
                raise TimeoutError(f"a search did not end within {LONGEST_S:g} s")
            time.sleep(0.02)
        return code

    def workers(self) -> list[int]:
        """Of its processes, those that run networks."""
        return [pid for pid, parent, line in processes() if parent == self.pid and "spawn_main" in line]


class Bench:
    """Runs commands in a folder.

    Args:
        folder: keeps the undisturbed runs.
    """

    def __init__(self, folder: Path) -> None:
        os.environ["RAY_AUTH_MODE"] = "disabled"  # the cluster is this machine's, and ends with us
        self.folder = folder
        self.wholes: dict[str, Whole] = {}
        space = write_files(folder)
        self.server = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("_chaos_driver.py")), str(space)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.server.stdout is not None
        if self.server.stdout.readline() != "ready\n":
            raise SystemExit("the server of commands does not start")
        self.is_clustered = False

    @cached_property
    def cluster(self) -> LocalCluster:
        """Started when the first run wants it."""
        self.is_clustered = True
        return LocalCluster()

    def __enter__(self) -> Bench:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self.server.stdin is not None
        self.server.stdin.close()
        self.server.wait()
        if self.is_clustered:
            self.cluster.close()

    def start(self, case: Case | None, search: str, run: Path, workers: int) -> Command:
        """Begin the run in a folder, or go on with it: both are one command."""
        output = self.folder / f"{run.name}.out"
        Path(f"{output}.code").unlink(missing_ok=True)
        options = ["--workers", str(workers), "--resume", f"runs/{run.name}"]
        if case is not None and case.place == "ray":
            options += ["--ray", self.cluster.address]
        job = {"folder": str(self.folder), "arguments": [*arguments(search), *options], "output": str(output)}
        assert self.server.stdin is not None and self.server.stdout is not None
        self.server.stdin.write(json.dumps(job) + "\n")
        self.server.stdin.flush()
        return Command(int(self.server.stdout.readline()), output)

    def whole(self, search: str) -> Whole:
        """The undisturbed run of a search."""
        if search not in self.wholes:
            run = self.fresh("whole-" + "".join(c if c.isalnum() else "-" for c in search))
            started = time.monotonic()
            command = self.start(None, search, run, 1)
            while not (run / "manifest.json").exists() and command.code is None:
                time.sleep(0.002)
            begun_s = time.monotonic() - started
            if command.wait():
                raise SystemExit(command.output.read_text(encoding="utf-8"))
            records = read_log(run)
            proxied = sum(PROXY in record["task"] for record in records)
            sample = min(SAMPLE, proxied)
            lines = {"sample": sample, "search": proxied - sample, "finish": len(records) - proxied}
            self.wholes[search] = Whole(front(run), {r["task"]: r for r in records}, lines, begun_s)
        return self.wholes[search]

    def fresh(self, name: str) -> Path:
        """An empty place for a run."""
        run = self.folder / "runs" / name
        shutil.rmtree(run, ignore_errors=True)
        (self.folder / f"{name}.out").unlink(missing_ok=True)
        return run

    def run(self, case: Case) -> dict[str, Any]:
        """What came of a case; see `chaos.py`."""
        started = time.monotonic()
        whole = self.whole(case.search)
        if case.place == "ray":
            self.cluster.restore()
        draw = Random(case.seed)
        for attempt in range(1, ATTEMPTS + 1):
            run = self.fresh(f"case-{case.number}")
            command = self.start(case, case.search, run, case.workers[0])
            moment = Moment(case, whole, run, draw, early=attempt > 1)
            found: dict[str, Any] = {"attempts": attempt, "hit": "", "orphans": 0}
            try:
                if self._killed(case, command, moment, found):
                    break
            except TimeoutError as problem:
                return found | {"error": str(problem), "front": False}
        else:
            return found | {"error": "it ended before it could be killed", "front": False}
        return found | compare(run, whole, moment.log) | {"seconds": round(time.monotonic() - started, 2)}

    def _killed(self, case: Case, command: Command, moment: Moment, found: dict[str, Any]) -> bool:
        """Kill the victim and bring the run to its end; False if it was at its end before."""
        while not moment.has_come():
            if command.code is not None:
                return False
            time.sleep(0.002)
        time.sleep(moment.delay_s)
        if command.code is not None or not self._kill(case, command, moment, found):
            return False
        if case.victim == "driver":
            command = self.start(case, case.search, moment.run, case.workers[1])
        found["code"] = command.wait()
        return True

    def _kill(self, case: Case, command: Command, moment: Moment, found: dict[str, Any]) -> bool:
        def workers() -> list[int]:
            return self.cluster.actors() if case.place == "ray" else command.workers()

        if case.victim == "driver":
            alive = workers()
            kill(command.pid)
            while command.is_alive:
                time.sleep(0.002)
            if Path(f"{command.output}.code").exists():
                return False
            found["orphans"] = orphans(alive)
        else:
            while not (victims := workers()):
                if command.code is not None:
                    return False
                time.sleep(0.002)
            if case.victim == "worker" and not kill(moment.draw.choice(victims)):
                return False
            if case.victim == "node":
                self.cluster.lose_node(moment.draw)
                if moment.draw.random() < 0.5:
                    self.cluster.restore()  # a new node joins while the search goes on
        moment.note()
        found["hit"] = moment.hit
        return True


@dataclass
class Moment:
    """When the victim of a case dies, by what its run has written.

    Attributes:
        early: a run that ended too soon is tried again with an earlier moment.
        log: what was in the log at the death.
        hit: the stage in which it came.
    """

    case: Case
    whole: Whole
    run: Path
    draw: Random
    early: bool = False
    log: bytes = b""
    hit: str = ""
    delay_s: float = field(init=False)
    has_come: Callable[[], bool] = field(init=False)

    def __post_init__(self) -> None:
        lines, draw = self.whole.lines, self.draw
        stage = self.case.stage
        if stage == "sample" and not lines["sample"]:
            stage = "start"  # a search that ranks has none
        self.delay_s = 0.0 if self.early else draw.uniform(0, 0.05)
        if stage == "start":
            if draw.random() < 0.5:  # its folder is there, and is being filled
                self.delay_s = draw.uniform(0, 0.02)
                self.has_come = self.run.exists
            else:
                self.delay_s = draw.uniform(0, 0.8 * self.whole.begun_s)
                self.has_come = lambda: True
        elif stage == "search" and not lines["sample"]:
            self.states: set[int] = set()
            wanted = draw.randrange(1, 3 if self.early else 8)
            self.has_come = lambda: self.ranked() >= wanted
        else:
            before = {"sample": 0, "search": lines["sample"], "finish": lines["sample"] + lines["search"]}
            last = stage == "finish" and not self.early and draw.random() < 0.3
            wanted = before[stage] + draw.randrange(max(1, lines[stage] // (4 if self.early else 1)))
            if last:
                self.has_come = lambda: (self.run / "best").exists()
            else:
                self.has_come = lambda: self.is_begun and count_lines(self.run) >= wanted

    @property
    def is_begun(self) -> bool:
        return (self.run / "manifest.json").exists()

    def ranked(self) -> int:
        """States that were seen so far."""
        file = self.run / "screen.npz"
        if file.exists():
            self.states.add(file.stat().st_mtime_ns)
        return len(self.states)

    def note(self) -> None:
        """Remember how far the run had come."""
        self.log = whole_lines(self.run)
        number, lines = self.log.count(b"\n"), self.whole.lines
        if not self.is_begun:
            self.hit = "start"
        elif number < lines["sample"]:
            self.hit = "sample"
        elif number < lines["sample"] + lines["search"]:
            self.hit = "search"
        elif lines["sample"] or number:
            self.hit = "finish"
        else:
            self.hit = "search" if (self.run / "screen.npz").exists() else "start"


def orphans(pids: list[int]) -> int:
    """Of workers whose driver is dead, those that do not end."""
    until = time.monotonic() + ORPHANED_S
    while time.monotonic() < until:
        alive = {pid for pid, _, _ in processes()} & set(pids)
        if not alive:
            return 0
        time.sleep(0.05)
    return len(alive)
